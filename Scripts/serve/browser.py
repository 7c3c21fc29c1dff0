"""Chromium, for scripts that drive a page."""
import base64
import json
import os
import subprocess
import time
from pathlib import Path


class Browser:
    """Chromium, spoken to in the DevTools protocol over a pipe."""

    def __init__(self, program, profile):
        down, self.commands = os.pipe()
        self.answers, up = os.pipe()
        high = 64  # the pipes must not lie where the child wants them
        down, up = (self.move(end, high + k) for k, end in enumerate((down, up)))

        def settle():
            os.dup2(down, 3)
            os.dup2(up, 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu",
             "--hide-scrollbars", "--no-first-run", "--disable-dev-shm-usage",
             "--disable-background-networking", "--disable-component-update",
             f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=settle, close_fds=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(down)
        os.close(up)
        self.number, self.buffer, self.events = 0, b"", []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.page(f"{domain}.enable")

    @staticmethod
    def move(descriptor, to):
        os.dup2(descriptor, to, inheritable=True)
        os.close(descriptor)
        return to

    def call(self, method, session=None, **values):
        self.number += 1
        message = {"id": self.number, "method": method, "params": values}
        if session:
            message["sessionId"] = session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def page(self, method, **values):
        return self.call(method, self.session, **values)

    def read(self):
        while b"\0" not in self.buffer:
            part = os.read(self.answers, 1 << 20)
            if not part:
                raise RuntimeError("Chromium has ended")
            self.buffer += part
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def run(self, script):
        """The value of a JavaScript expression, awaited."""
        answer = self.page("Runtime.evaluate", expression=script, awaitPromise=True,
                           returnByValue=True, userGesture=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", details).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, script, seconds=60):
        """Waits until an expression is true."""
        end = time.time() + seconds
        while time.time() < end:
            if self.run(script):
                return True
            time.sleep(0.05)
        return False

    def click(self, selector):
        box = self.run(f"""(() => {{
          const e = document.querySelector({json.dumps(selector)});
          e.scrollIntoView({{ block: "center" }});
          const b = e.getBoundingClientRect();
          return [b.x + b.width / 2, b.y + b.height / 2] }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.page("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left",
                      clickCount=1)

    def drag(self, points):
        self.page("Input.dispatchMouseEvent", type="mousePressed", x=points[0][0], y=points[0][1],
                  button="left", clickCount=1)
        for x, y in points[1:]:
            self.page("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left",
                      buttons=1)
        self.page("Input.dispatchMouseEvent", type="mouseReleased", x=points[-1][0],
                  y=points[-1][1], button="left", clickCount=1)

    def type(self, selector, text):
        self.run(f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
                 " e.focus(); e.select?.() })()")
        self.page("Input.insertText", text=text)

    def press(self, key, **values):
        for kind in ("rawKeyDown", "keyUp"):
            self.page("Input.dispatchKeyEvent", type=kind, key=key, **values)

    def size(self, width, height):
        self.page("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)

    def screenshot(self, path):
        data = self.page("Page.captureScreenshot", format="png")["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        try:
            self.call("Browser.close")
            self.process.wait(10)
        except (RuntimeError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
