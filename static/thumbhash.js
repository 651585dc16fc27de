// ThumbHash (evanw.github.io/thumbhash): some 25 bytes become a small blurred picture.

function channel(next, nx, ny, scale) {
  const waves = [];
  for (let y = 0; y < ny; y++) {
    for (let x = y ? 0 : 1; x * ny < nx * (ny - y); x++) waves.push((next() / 7.5 - 1) * scale);
  }
  return waves;
}

function header(hash) {
  const low = hash[0] | (hash[1] << 8) | (hash[2] << 16);
  const high = hash[3] | (hash[4] << 8);
  const isLandscape = high >> 15 === 1;
  const hasAlpha = low >> 23 === 1;
  const longest = hasAlpha ? 5 : 7;
  return {
    l: (low & 63) / 63,
    p: ((low >> 6) & 63) / 31.5 - 1,
    q: ((low >> 12) & 63) / 31.5 - 1,
    lScale: ((low >> 18) & 31) / 31,
    pScale: ((high >> 3) & 63) / 63,
    qScale: ((high >> 9) & 63) / 63,
    hasAlpha,
    nx: isLandscape ? longest : high & 7,
    ny: isLandscape ? high & 7 : longest,
  };
}

function cosines(count, position, size) {
  return Array.from({ length: count }, (_, n) => Math.cos((Math.PI / size) * (position + 0.5) * n));
}

function sum(base, waves, nx, ny, fx, fy) {
  let total = base;
  let at = 0;
  for (let y = 0; y < ny; y++) {
    for (let x = y ? 0 : 1; x * ny < nx * (ny - y); x++) total += waves[at++] * fx[x] * fy[y] * 2;
  }
  return total;
}

/** The picture behind a hash (Uint8Array), 32 pixels on its longer side, opaque. */
export function pictureOf(hash) {
  const head = header(hash);
  const ratio = head.nx / head.ny;
  const width = Math.max(1, Math.round(ratio > 1 ? 32 : 32 * ratio));
  const height = Math.max(1, Math.round(ratio > 1 ? 32 / ratio : 32));
  let nibble = (head.hasAlpha ? 6 : 5) * 2;
  const next = () => (hash[nibble >> 1] >> ((nibble++ & 1) << 2)) & 15;
  const [lx, ly] = [Math.max(3, head.nx), Math.max(3, head.ny)];
  const l = channel(next, lx, ly, head.lScale);
  const p = channel(next, 3, 3, head.pScale * 1.25);
  const q = channel(next, 3, 3, head.qScale * 1.25);
  const picture = new ImageData(width, height);
  for (let y = 0, at = 0; y < height; y++) {
    const fy = cosines(Math.max(ly, 3), y, height);
    for (let x = 0; x < width; x++) {
      const fx = cosines(Math.max(lx, 3), x, width);
      const luma = sum(head.l, l, lx, ly, fx, fy);
      const yellow = sum(head.p, p, 3, 3, fx, fy);
      const red = sum(head.q, q, 3, 3, fx, fy);
      const b = luma - (2 / 3) * yellow;
      const r = (3 * luma - b + red) / 2;
      for (const value of [r, r - red, b, 1]) picture.data[at++] = Math.max(0, Math.min(255, Math.round(255 * value)));
    }
  }
  return picture;
}
