/** Synthetic ticks: the same ones for the same seed, so that tests can compare. */

/**
 * @typedef {object} MockTick
 * @property {number} time microseconds
 * @property {number} bid mantissa
 * @property {number} ask mantissa
 * @property {number | null} last mantissa
 * @property {number | null} volume mantissa, 4 decimals
 *
 * @typedef {object} MockSymbol
 * @property {string} symbol
 * @property {number} exp decimals of the prices
 * @property {MockTick[]} ticks
 */

/**
 * @param {object} options
 * @param {string} options.symbol
 * @param {number} options.price first price, as a mantissa
 * @param {number} options.exp
 * @param {number} options.perSecond ticks a second, on average
 * @param {number} options.seconds
 * @param {number} [options.from] microseconds
 * @param {number} [options.seed]
 * @param {boolean} [options.quotesOnly]
 * @returns {MockSymbol}
 */
export function makeSymbol({ symbol, price, exp, perSecond, seconds, from = MOCK_START, seed = 1, quotesOnly = false }) {
  const random = mulberry32(seed);
  const ticks = [];
  let time = from;
  let mid = price;
  let drift = 0;
  while (time < from + seconds * 1e6) {
    drift = drift * 0.99 + (random() - 0.5) * price * 4e-7;
    mid += drift + (random() - 0.5) * price * 3e-5;
    const half = Math.max(1, Math.round(price * 1e-5 * (0.5 + random())));
    const bid = Math.round(mid) - half;
    const ask = Math.round(mid) + half;
    const trade = !quotesOnly && random() < 0.4;
    const last = trade ? (random() < 0.5 ? bid : ask) : null;
    ticks.push({ time, bid, ask, last, volume: trade ? Math.ceil(random() ** 4 * 50_000) : null });
    // Bursts: some ticks share an instant, as in real data.
    if (random() > 0.05) time += Math.ceil((-Math.log(1 - random()) / perSecond) * 1e6);
  }
  return { symbol, exp, ticks };
}

export const MOCK_START = Date.UTC(2024, 7, 8, 9, 30) * 1000;

export function demoSymbols() {
  return [
    makeSymbol({ symbol: "BTCUSDT", price: 5_710_045, exp: 2, perSecond: 18, seconds: 10_800, seed: 7 }),
    makeSymbol({ symbol: "ETHUSDT", price: 244_371, exp: 2, perSecond: 11, seconds: 10_800, seed: 8 }),
    makeSymbol({ symbol: "TRUEFX:USDJPY", price: 146_852, exp: 3, perSecond: 3, seconds: 9_000, seed: 9, quotesOnly: true }),
    makeSymbol({ symbol: "BITMEX:XBTUSD", price: 571_220, exp: 1, perSecond: 6, seconds: 7_200, seed: 10 }),
  ];
}

/** Numbers in [0, 1), the same for the same seed. @param {number} seed */
export function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
