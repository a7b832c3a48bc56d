'use strict';
// A simulation as an SVG: one panel for each measure, one line for each rule, time along all of them. It brings its own
// background, in light and dark, so that it can be read wherever it is shown.

const WIDTH = 760;
const PLOT = { left: 62, right: WIDTH - 16, height: 84 };
const PANEL_STEP = PLOT.height + 46;
const TOP = 96;

/** How each rule is drawn; those that often lie upon each other differ in width and dashes too. */
const LINES = {
  original: { name: 'the services\u2019 original rule', css: 'stroke-width:2.2;stroke-dasharray:2 3' },
  gradient: { name: "'gradient'", css: 'stroke-width:1.8' },
  aimd: { name: "'aimd' (the default)", css: 'stroke-width:3.2' },
  step: { name: "'step'", css: 'stroke-width:1.6;stroke-dasharray:7 4' },
};
const COLOURS = {
  light: { ground: '#ffffff', text: '#24292f', faint: '#d0d7de', original: '#6e7781', gradient: '#b35900', aimd: '#3a8fd9', step: '#0a3069' },
  dark: { ground: '#0d1117', text: '#e6edf3', faint: '#3d444d', original: '#9198a1', gradient: '#f0883e', aimd: '#2f81f7', step: '#d2e6ff' },
};
const rulesOf = ({ ground, text, faint, ...lines }) => [
  `.g{fill:${ground}}`, `text{fill:${text}}`, `.f{stroke:${faint}}`,
  ...Object.entries(lines).map(([rule, colour]) => `.${rule}{stroke:${colour}}`),
].join('');
const STYLE = [
  'text{font:12px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}',
  '.h{font-size:16px;font-weight:600}', '.e{text-anchor:end}', '.m{text-anchor:middle}', '.f{stroke-width:1}', 'path{fill:none;stroke-linejoin:round}',
  ...Object.entries(LINES).map(([rule, { css }]) => `.${rule}{${css}}`),
  rulesOf(COLOURS.light),
  `@media (prefers-color-scheme:dark){${rulesOf(COLOURS.dark)}}`,
].join('');

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const number = (value) => String(Math.round(value * 10) / 10);

/** The end of an axis, and its marks: 1, 2 or 5 of some power of ten apart. */
function marksUpTo(most, count) {
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const apart = [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough);
  const marks = [];
  for (let at = 0; at < most + apart; at += apart) marks.push(Math.round(at * 1000) / 1000);
  return marks;
}

/** The measures that a scenario is shown by: what they are called, and their value in a sample; null: there was none. */
const measuresOf = ({ limits, perSample = 'a second' }) => [
  [`Limit (${limits})`, ({ limit }) => limit],
  [`Throughput (answers ${perSample})`, ({ answered }) => answered],
  [`Failures (${perSample}, seen by the upstream)`, ({ failed }) => failed, true],
  ['Latency (ms of service, mean)', ({ latencyMs }) => latencyMs],
  [`Rejections (${perSample}, by the limiter)`, ({ refused }) => refused],
];

/** The line of values along the time, with gaps where there are none; points between equal neighbours are left out. */
function lineOf(values, x, y) {
  const steps = [];
  values.forEach((value, at) => {
    if (value === null) return;
    const isFirst = at === 0 || values[at - 1] === null;
    if (!isFirst && value === values[at - 1] && value === values[at + 1]) return;
    steps.push(`${isFirst ? 'M' : 'L'}${number(x(at))} ${number(y(value))}`);
    // one alone is a dot
    if (isFirst && (values[at + 1] ?? null) === null) steps.push('h2');
  });
  return steps.join('');
}

/** The chart of a scenario: `runs` as `simulate` returns them. */
function chart(scenario, runs) {
  const { title, about, endMs, sampleMs } = scenario;
  const drawn = Object.keys(LINES).flatMap((rule) => runs.filter((run) => run.rule === rule));
  // failures are shown where there are any
  const panels = measuresOf(scenario).filter(([, measure, isOptional]) => !isOptional || drawn.some(({ samples }) => samples.some(measure)));
  const height = TOP + panels.length * PANEL_STEP + 22;
  const inMinutes = endMs > 600_000;
  const unitMs = inMinutes ? 60_000 : 1000;
  const times = marksUpTo(endMs / unitMs, 9).filter((mark) => mark * unitMs <= endMs);
  const atMs = (ms) => PLOT.left + ((PLOT.right - PLOT.left) * ms) / endMs;
  const x = (at) => atMs((at + 1) * sampleMs);
  const out = [];
  out.push(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(`${title}: ${about}`)}">`);
  out.push(`<style>${STYLE}</style>`, `<rect class="g" width="${WIDTH}" height="${height}"/>`);
  out.push(`<text class="h" x="16" y="26">${escaped(title)}</text>`, `<text x="16" y="46">${escaped(about)}</text>`);
  let legend = 16;
  for (const { rule } of [...drawn].reverse()) {
    const { name } = LINES[rule];
    out.push(`<path class="${rule}" d="M${legend} 66h28"/>`, `<text x="${legend + 34}" y="70">${escaped(name)}</text>`);
    legend += 60 + name.length * 6.6;
  }
  panels.forEach(([name, measure], at) => {
    const top = TOP + at * PANEL_STEP + 18;
    const foot = top + PLOT.height;
    const series = drawn.map(({ rule, samples }) => [rule, samples.map(measure)]);
    const marks = marksUpTo(Math.max(1, ...series.flatMap(([, values]) => values)), 3);
    const y = (value) => foot - (PLOT.height * value) / marks.at(-1);
    out.push(`<text x="16" y="${top - 14}">${escaped(name)}</text>`);
    for (const mark of marks) {
      out.push(`<path class="f" d="M${PLOT.left} ${number(y(mark))}H${PLOT.right}"/>`, `<text class="e" x="${PLOT.left - 6}" y="${number(y(mark) + 4)}">${mark}</text>`);
    }
    for (const mark of times) out.push(`<path class="f" d="M${number(atMs(mark * unitMs))} ${foot}v4"/>`);
    for (const [rule, values] of series) out.push(`<path class="${rule}" d="${lineOf(values, x, y)}"/>`);
  });
  const foot = TOP + panels.length * PANEL_STEP - 12;
  for (const mark of times) out.push(`<text class="m" x="${number(atMs(mark * unitMs))}" y="${foot + 4}">${mark}</text>`);
  out.push(`<text class="e" x="${PLOT.right}" y="${foot + 22}">Time (${inMinutes ? 'minutes' : 'seconds'})</text>`, '</svg>');
  return `${out.join('\n')}\n`;
}

module.exports = { chart };
