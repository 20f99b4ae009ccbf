// Two charts: the shares of the outcomes, and where the probabilities lie.

import { BINS, kindOfBin, percent, reviews } from "./tally.js";

const SVG = "http://www.w3.org/2000/svg";

/** The `count` bars of a chart, made where they are missing. Each has a title. */
function bars(svg, count) {
  while (svg.children.length < count) {
    const bar = document.createElementNS(SVG, "rect");
    bar.append(document.createElementNS(SVG, "title"));
    svg.append(bar);
  }
  return [...svg.children];
}

function place(bar, kind, title, box) {
  bar.setAttribute("class", kind);
  bar.firstChild.textContent = title;
  for (const [name, share] of Object.entries(box)) {
    bar.setAttribute(name, `${(100 * share).toFixed(3)}%`);
  }
}

/** One bar, cut by the shares of the three outcomes; `counts` is what tally gives. */
export function drawShares(svg, counts) {
  let x = 0;
  bars(svg, 3).forEach((bar, i) => {
    const kind = ["negative", "unsure", "positive"][i];
    const width = counts.read === 0 ? 0 : counts[kind] / counts.read;
    place(bar, kind, reviews(counts[kind]), { x, width, y: 0, height: 1 });
    x += width;
  });
}

const SMALLEST_SHARE = 0.02; // of the height: one review among thousands still shows

/** A histogram of what tally's histogram gives; the same in words is its label. */
export function drawSpread(svg, bins) {
  const most = Math.max(1, ...bins);
  bars(svg, BINS).forEach((bar, bin) => {
    const height = bins[bin] === 0 ? 0 : Math.max(SMALLEST_SHARE, bins[bin] / most);
    const title = `${5 * bin} to ${5 * (bin + 1)}%: ${reviews(bins[bin])}`;
    place(bar, kindOfBin(bin), title, { x: bin / BINS, width: 0.9 / BINS, y: 1 - height, height });
  });
  svg.setAttribute("aria-label", describe(bins));
}

function describe(bins) {
  const total = bins.reduce((sum, count) => sum + count, 0);
  const parts = [0, 4, 8, 12, 16].map((from) => {
    const count = bins.slice(from, from + 4).reduce((sum, bin) => sum + bin, 0);
    return `${percent(count, total)} at ${5 * from} to ${5 * (from + 4)}%`;
  });
  return `How likely the reviews are to be positive: ${parts.join(", ")}`;
}
