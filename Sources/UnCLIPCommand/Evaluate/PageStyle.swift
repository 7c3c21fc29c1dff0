extension EvaluationPage {
  /// The style sheet: one column, light or dark as the reader's system is.
  static let style: StaticString = """
    :root {
      --back: #f6f6f3; --card: #ffffff; --text: #1d1d1f; --soft: #66666e; --line: #e2e2dd;
      --good: #2f7d4f; --bad: #b3352b; --c0: #2860b8; --c1: #c46a12; --c2: #2f7d4f; --c3: #8a4ba8;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --back: #161618; --card: #212124; --text: #ececee; --soft: #a2a2ab; --line: #38383d;
        --good: #6cc08b; --bad: #f0857a; --c0: #7fb0ff; --c1: #f0a457; --c2: #6cc08b; --c3: #cf9be6;
      }
    }
    * { box-sizing: border-box }
    body {
      margin: 0; background: var(--back); color: var(--text);
      font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
    }
    main { max-width: 960px; margin: 0 auto; padding: 1.5rem 1rem 4rem }
    h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere }
    h2 { font-size: 1.2rem; margin: 2.5rem 0 .25rem }
    h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere }
    section > h3 { margin-top: 1.25rem }
    p { margin: .25rem 0 .75rem }
    .soft { color: var(--soft); font-size: .9rem; overflow-wrap: anywhere }
    .card {
      background: var(--card); border: 1px solid var(--line); border-radius: 10px;
      padding: .9rem 1rem; margin: .75rem 0;
    }
    .verdict { border-left: 5px solid var(--good); font-size: 1.1rem }
    .verdict.bad { border-left-color: var(--bad) }
    .verdict p { margin: 0 }
    .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(205px, 1fr)); gap: .75rem }
    .figures .card { margin: 0 }
    .value { font-size: 1.7rem; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums }
    .figures p { margin: .15rem 0; font-size: .85rem }
    .head { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem }
    .head .value { font-size: 1.2rem }
    .bar { height: 8px; border-radius: 4px; background: var(--line); overflow: hidden; margin: .4rem 0 }
    .bar span { display: block; height: 100%; background: var(--good) }
    .bad .bar span { background: var(--bad) }
    .strip { display: flex; gap: 4px; overflow-x: auto; padding-bottom: 4px }
    .strip img { flex: none; border-radius: 4px; background: #fff; image-rendering: auto; height: auto }
    .strip.wrap { flex-wrap: wrap }
    .name { margin: .5rem 0 .15rem; color: var(--soft); font-size: .85rem }
    .plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: .75rem }
    .plot {
      margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
      padding: .75rem .75rem .5rem;
    }
    .plot figcaption { font-size: .9rem; font-weight: 600 }
    .plot svg { display: block; width: 100%; height: auto }
    .plot text { font-size: 11px; fill: var(--soft) }
    .grid { stroke: var(--line); stroke-width: 1 }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round }
    .band { opacity: .16; stroke: none }
    .line.c0 { stroke: var(--c0) } .band.c0, .mark.c0 { fill: var(--c0) }
    .line.c1 { stroke: var(--c1) } .band.c1, .mark.c1 { fill: var(--c1) }
    .line.c2 { stroke: var(--c2) } .band.c2, .mark.c2 { fill: var(--c2) }
    .line.c3 { stroke: var(--c3) } .band.c3, .mark.c3 { fill: var(--c3) }
    .legend { margin: .25rem 0 0; font-size: .85rem; color: var(--soft) }
    .key { margin-right: 1rem; white-space: nowrap }
    .key::before {
      content: ""; display: inline-block; width: .8em; height: .8em; border-radius: 2px;
      margin-right: .35em; vertical-align: -.05em;
    }
    .key.c0::before { background: var(--c0) } .key.c1::before { background: var(--c1) }
    .key.c2::before { background: var(--c2) } .key.c3::before { background: var(--c3) }
    .wide { overflow-x: auto }
    table { border-collapse: collapse; width: 100%; font-size: .9rem }
    th, td { white-space: nowrap; text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line) }
    td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
    details summary { cursor: pointer; font-weight: 600 }
    """
}
