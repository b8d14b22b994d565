/** Whether points lie on their curves: what key import may leave to the implementation. */

const P = 2n ** 255n - 19n;
const D = mod(-121665n * inverse(121666n, P), P);
const SQRT_MINUS_ONE = power(2n, (P - 1n) / 4n, P);

// The y coordinates of the eight points whose order divides 8. With such a key, one signature
// fits many messages.
const ORDER_EIGHT_Y = littleEndian(
  bytesOf(0x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05n),
);
const LOW_ORDER_Y = new Set([0n, 1n, P - 1n, ORDER_EIGHT_Y, P - ORDER_EIGHT_Y]);

const P256 = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const P256_B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** Whether 32 bytes are a canonical point of high order (RFC 8032, 5.1.3). */
export function isEd25519Point(raw: Uint8Array): boolean {
  if (raw.length !== 32) return false;
  const y = littleEndian(raw) & (2n ** 255n - 1n);
  const sign = (raw[31] ?? 0) >> 7;
  if (y >= P || LOW_ORDER_Y.has(y)) return false;
  // x² = (y² - 1) / (d·y² + 1) must have a root.
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n, P), P);
  let root = power(square, (P + 3n) / 8n, P);
  if ((root * root) % P !== square) root = (root * SQRT_MINUS_ONE) % P;
  return (root * root) % P === square && !(root === 0n && sign === 1);
}

/** A compressed point of P-256 as 65 bytes (SEC 1, 2.3.4); null if it is none. */
export function uncompressedP256(compressed: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const [form] = compressed;
  if (compressed.length !== 33 || (form !== 2 && form !== 3)) return null;
  const x = bigEndian(compressed.subarray(1));
  if (x >= P256) return null;
  const square = mod(x * x * x - 3n * x + P256_B, P256);
  let y = power(square, (P256 + 1n) / 4n, P256);
  if ((y * y) % P256 !== square) return null;
  if (Number(y & 1n) !== form - 2) y = P256 - y;
  if (y === P256) return null;
  const out = new Uint8Array(65);
  out[0] = 4;
  out.set(bytesOf(x), 1);
  out.set(bytesOf(y), 33);
  return out;
}

function mod(value: bigint, modulus: bigint): bigint {
  return ((value % modulus) + modulus) % modulus;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = mod(base, modulus);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

function inverse(value: bigint, prime: bigint): bigint {
  return power(value, prime - 2n, prime);
}

function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function littleEndian(bytes: Uint8Array): bigint {
  return bigEndian(Uint8Array.from(bytes).reverse());
}

function bytesOf(value: bigint): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(32);
  for (let n = 31, rest = value; n >= 0; n--, rest >>= 8n) out[n] = Number(rest & 0xffn);
  return out;
}
