// How many columns of a terminal a text takes, as wcwidth says for what people write.

const decoder = new TextDecoder();
const NONE = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]$/u;

export function terminalColumns(bytes: Uint8Array): number {
  if (bytes.every((byte) => byte < 0x80)) return bytes.length;
  let columns = 0;
  for (const letter of decoder.decode(bytes)) columns += NONE.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1;
  return columns;
}
