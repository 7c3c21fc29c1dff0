"""Random Unicode texts, on which tokenizers may differ."""
import random

WORDS = """a red apple the cat's don't we'll I'M they've he'd you're rock'n'roll STRASSE Ångström café
naïve İstanbul ΟΔΥΣΣΕΥΣ ΣΑΣ ΑΣ. Ciel bleu дом Ёлка Schön 3.14 100,000 e=mc² ½ ①② &lt;b&gt; &amp;amp; &eacute;
&EACUTE; &nbsp; &#233; &#x1F600; &notit; &hellip <|endoftext|> <|startoftext|> <start_of_text> <end_of_text>
<END_OF_TEXT> “curly” ‘s l’orange ﬁsh ﬆ Ǆ ŉ ＡＢＣ ﾊﾝｶｸ … #$% _a_b C++ \\n &Jscr; 'ſ ſt \x1b[31m""".split()
RANGES = {
    "ascii": [(0x20, 0x7E)], "controls": [(0x01, 0x1F), (0x7F, 0xA0)], "latin": [(0xA1, 0x24F)],
    "combining": [(0x300, 0x36F), (0x483, 0x489), (0x591, 0x5BD), (0x64B, 0x65F), (0x93A, 0x94F)],
    "greek and cyrillic": [(0x391, 0x3A1), (0x3A3, 0x3CE), (0x400, 0x481)],
    "right to left": [(0x5D0, 0x5EA), (0x620, 0x64A), (0x660, 0x669), (0x200E, 0x200F),
                      (0x202A, 0x202E), (0x2066, 0x2069)],
    "indic and thai": [(0x905, 0x939), (0xE01, 0xE3A), (0xE40, 0xE4E)],
    "cjk": [(0x4E00, 0x9FFF), (0x3041, 0x3096), (0x30A1, 0x30FA), (0xAC00, 0xD7A3), (0x3000, 0x303F)],
    "half and full width": [(0xFF01, 0xFFBE), (0xFFC2, 0xFFC7)],
    "emoji": [(0x1F300, 0x1F64F), (0x1F680, 0x1F6C5), (0x1F900, 0x1F9FF), (0x2600, 0x27BF),
              (0x1F1E6, 0x1F1FF), (0x1F3FB, 0x1F3FF), (0x200D, 0x200D), (0xFE0F, 0xFE0F)],
    "symbols": [(0x2010, 0x2027), (0x2030, 0x205E), (0x2070, 0x208E), (0x2090, 0x209C), (0x20A0, 0x20BF),
                (0x2150, 0x218B), (0x2190, 0x23FF), (0x1D400, 0x1D454)],
    "spaces": [(0x20, 0x20), (0x09, 0x0D), (0x2000, 0x200B), (0x3000, 0x3000), (0xA0, 0xA0),
               (0x2028, 0x2029), (0x85, 0x85), (0xFEFF, 0xFEFF)],
}


def texts(count, seed):
    draw = random.Random(seed)
    names = list(RANGES)

    def run(name):
        out = []
        for _ in range(draw.randint(1, 8)):
            low, high = draw.choice(RANGES[name])
            out.append(chr(draw.randint(low, high)))
        return "".join(out)

    for _ in range(count):
        parts = [
            draw.choice(WORDS) if draw.random() < 0.4 else run(draw.choice(names))
            for _ in range(draw.randint(0, 7))]
        if draw.random() < 0.02:
            parts *= 20
        yield draw.choice([" ", "", " ", "  ", "\t", "\u00a0"]).join(parts)
