"""Calls of a server through any version of OpenAI's Python package, and the options of who calls."""
import argparse
import base64
import os
import urllib.parse
import urllib.request
import warnings

import openai

warnings.simplefilter("ignore", DeprecationWarning)
OLD = not hasattr(openai, "OpenAI")
VERSION = openai.version.VERSION if OLD else openai.__version__

parser = argparse.ArgumentParser(description="Calls a running unclip serve through OpenAI's own Python package.")
parser.add_argument("--url", default=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080"))
parser.add_argument("--key", default=os.environ.get("OPENAI_API_KEY"))
parser.add_argument("--size", default="256x256", choices=["256x256", "512x512", "1024x1024"])
parser.add_argument("--steps", type=int, default=2, help="decoder steps of each image")
parser.add_argument("--only", help="run the rows whose name contains this")
options = parser.parse_args()
address = urllib.parse.urlsplit(options.url.rstrip("/"))
base = options.url.rstrip("/") + ("" if address.path.endswith("/v1") else "/v1")
key = options.key or "no-key"
side = int(options.size.split("x")[0])
# What every call adds, so that it is quick.
quick = {"steps": options.steps, "prior_steps": options.steps}


class Entry:
    """An image of an answer."""

    def __init__(self, item):
        get = item.get if OLD else lambda name: getattr(item, name, None)
        self.url, self.seed, self.text = get("url"), get("seed"), get("b64_json")
        self.file = base64.b64decode(self.text) if self.text else None


def client(at=None, secret=None, **settings):
    return openai.OpenAI(base_url=at or base, api_key=secret or key, **settings)


def call(route, at=None, secret=None, retries=0, timeout=None, **fields):
    """Calls a route and returns its images."""
    extra = dict(quick, **fields.pop("extra", {}))
    if route == "variations":
        extra.pop("prior_steps")
    if OLD:
        openai.api_base, openai.api_key = at or base, secret or key
        if route != "generations":
            extra = {name: str(value) for name, value in extra.items()}
        method = {"generations": openai.Image.create, "edits": openai.Image.create_edit,
                  "variations": openai.Image.create_variation}[route]
        answer = method(**fields, **extra)
        return [Entry(item) for item in answer["data"]]
    images = client(at, secret, max_retries=retries, **({"timeout": timeout} if timeout else {})).images
    method = {"generations": images.generate, "edits": images.edit,
              "variations": images.create_variation}[route]
    answer = method(**fields, extra_body=extra)
    assert isinstance(answer.created, int)
    return [Entry(item) for item in answer.data]


def fails(kind, status, words, param=None, code=None, route="generations", **fields):
    """A call that must fail so, with the package's own kind of error."""
    kinds = openai.error if OLD else openai
    kind = {"BadRequestError": "InvalidRequestError", "NotFoundError": "InvalidRequestError",
            }.get(kind, kind) if OLD else kind
    try:
        call(route, **fields)
    except Exception as error:
        assert isinstance(error, getattr(kinds, kind)), repr(error)
        body = error.json_body["error"] if OLD else error.body
        found = error.http_status if OLD else error.status_code
        assert found == status, found
        assert words in body["message"], body
        assert body["param"] == param and body["code"] == code, body
        assert isinstance(body["type"], str) and body["type"], body
        assert error.headers["x-request-id"] if OLD else error.request_id, "no request id"
        return
    raise AssertionError("it did not fail")


def fetch(path, data=None, headers=None, method=None):
    """A call without the package: status, headers, body."""
    url = path if path.startswith("http") else options.url.rstrip("/").removesuffix("/v1") + path
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    if options.key and "sig=" not in path:
        request.add_header("Authorization", "Bearer " + key)
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
