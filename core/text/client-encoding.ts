// PostgreSQL's client_encoding: the text that bytes stand for. For facts and replays; the bytes that go on are never
// touched by it. Names: https://www.postgresql.org/docs/current/multibyte.html, labels: https://encoding.spec.whatwg.org

/** PostgreSQL's names that WHATWG calls otherwise. What stands in neither cannot be decoded (MULE_INTERNAL, JOHAB, EUC_TW, ..._2004). */
const LABELS: Readonly<Record<string, string>> = {
  ...{ UTF8: 'utf-8', SQL_ASCII: 'utf-8', UNICODE: 'utf-8' },
  ...{ LATIN1: 'iso-8859-1', LATIN2: 'iso-8859-2', LATIN3: 'iso-8859-3', LATIN4: 'iso-8859-4', LATIN5: 'iso-8859-9' },
  ...{ LATIN6: 'iso-8859-10', LATIN7: 'iso-8859-13', LATIN8: 'iso-8859-14', LATIN9: 'iso-8859-15' },
  ...{ LATIN10: 'iso-8859-16', ISO_8859_5: 'iso-8859-5', ISO_8859_6: 'iso-8859-6', ISO_8859_7: 'iso-8859-7' },
  ...{ ISO_8859_8: 'iso-8859-8', WIN866: 'ibm866', WIN874: 'windows-874', KOI8R: 'koi8-r', KOI8U: 'koi8-u' },
  ...{ WIN1250: 'windows-1250', WIN1251: 'windows-1251', WIN1252: 'windows-1252', WIN1253: 'windows-1253' },
  ...{ WIN1254: 'windows-1254', WIN1255: 'windows-1255', WIN1256: 'windows-1256', WIN1257: 'windows-1257' },
  ...{ WIN1258: 'windows-1258', EUC_JP: 'euc-jp', EUC_KR: 'euc-kr', EUC_CN: 'gbk', UHC: 'euc-kr', SJIS: 'shift_jis' },
  ...{ BIG5: 'big5', GBK: 'gbk', GB18030: 'gb18030' },
};
/** Under these labels WHATWG decodes Windows' code pages, which have letters where ISO 8859 has controls. */
const WITH_CONTROLS = new Set(['LATIN1', 'LATIN5']);
/** Not KOI8-U, of which PostgreSQL reads two letters otherwise. */
const ONE_BYTE = /^(?:iso-8859-|windows-|koi8-r|ibm866)/;

export interface ClientEncoding {
  readonly name: string;
  /** False: nobody here knows the encoding, and each byte beyond ASCII becomes U+FFFD. */
  readonly decodable: boolean;
  /** Each byte is a letter, the same as for PostgreSQL, and no two are alike. */
  readonly oneByte: boolean;
  /** Never throws: bytes that are no text of the encoding become U+FFFD. A byte order mark stays. */
  decode(bytes: Uint8Array): string;
}

const known = new Map<string, ClientEncoding>();

export function clientEncoding(name: string): ClientEncoding {
  const label = Object.hasOwn(LABELS, name) ? LABELS[name] : undefined;
  if (label === undefined) return { name, decodable: false, oneByte: false, decode: decodeAscii };
  let encoding = known.get(name);
  if (!encoding) {
    const decoder = new TextDecoder(label, { ignoreBOM: true });
    const decode = WITH_CONTROLS.has(name) ? byTable(decoder) : (bytes: Uint8Array) => decoder.decode(bytes);
    encoding = { name, decodable: true, oneByte: ONE_BYTE.test(label), decode };
    known.set(name, encoding);
  }
  return encoding;
}

const decodeAscii = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : '\ufffd')).join('');

function byTable(decoder: { decode(bytes: Uint8Array): string }): (bytes: Uint8Array) => string {
  const table = Array.from({ length: 256 }, (_, byte) =>
    byte < 0xa0 ? String.fromCharCode(byte) : decoder.decode(Uint8Array.of(byte)),
  );
  return (bytes) => Array.from(bytes, (byte) => table[byte]).join('');
}
