// Shows Markdown as elements; text never becomes markup.
import { element } from "./ui.js";

/** Bold, code and links within a line. */
function inline(text) {
  const parts = [];
  const pattern = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)\s]+)\)/g;
  let last = 0;
  for (const match of text.matchAll(pattern)) {
    parts.push(text.slice(last, match.index));
    const [whole, code, bold, label, url] = match;
    if (code) parts.push(element("code", { textContent: code }));
    else if (bold) parts.push(element("strong", { textContent: bold }));
    else if (/^https?:\/\//.test(url)) parts.push(element("a", { href: url, textContent: label, rel: "noreferrer noopener", target: "_blank" }));
    else parts.push(label);
    last = match.index + whole.length;
  }
  return [...parts, text.slice(last)];
}

const cells = (line) => line.replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

/** The elements of a Markdown text: headings, paragraphs, lists, tables and code. */
export function markdown(text) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const made = [];
  const take = (test) => {
    const taken = [];
    while (lines.length && test(lines[0])) taken.push(lines.shift());
    return taken;
  };
  while (lines.length) {
    const line = lines[0];
    const heading = /^(#{1,6})\s+(.*)/.exec(line);
    if (!line.trim()) {
      lines.shift();
    } else if (heading) {
      lines.shift();
      made.push(element(`h${Math.min(6, heading[1].length + 1)}`, {}, ...inline(heading[2])));
    } else if (line.startsWith("```")) {
      lines.shift();
      made.push(element("pre", {}, element("code", { textContent: take((next) => !next.startsWith("```")).join("\n") })));
      lines.shift();
    } else if (line.startsWith("|")) {
      const rows = take((next) => next.startsWith("|")).filter((row) => !/^[|\s:-]+$/.test(row)).map(cells);
      made.push(element("table", {}, ...rows.map((row, index) => element("tr", {},
        ...row.map((cell) => element(index ? "td" : "th", {}, ...inline(cell)))))));
    } else if (/^\s*[-*]\s+/.test(line)) {
      const items = [];
      for (const next of take((one) => one.trim() && (/^\s*[-*]\s+/.test(one) || /^\s+/.test(one)))) {
        if (/^\s*[-*]\s+/.test(next)) items.push(next.replace(/^\s*[-*]\s+/, ""));
        else items[items.length - 1] += ` ${next.trim()}`;
      }
      made.push(element("ul", {}, ...items.map((item) => element("li", {}, ...inline(item)))));
    } else {
      const words = [lines.shift(), ...take((next) => next.trim() && !/^(#|\||```|\s*[-*]\s)/.test(next))];
      made.push(element("p", {}, ...inline(words.join(" "))));
    }
  }
  return made;
}
