// Text by client_encoding, for facts. The bytes that go on are never touched by it.

export type ReadText = (bytes: Buffer, start: number, end: number) => string;

const readUtf8: ReadText = (bytes, start, end) => bytes.toString('utf8', start, end);

/** PostgreSQL's names that WHATWG calls otherwise. Any other is tried as it is; what nobody knows is read as UTF-8. */
const LABELS: Readonly<Record<string, string>> = {
  LATIN1: 'iso-8859-1',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'iso-8859-9',
  LATIN6: 'iso-8859-10',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
  EUC_CN: 'gbk',
  UHC: 'euc-kr',
  SJIS: 'shift_jis',
  BIG5: 'big5',
  GBK: 'gbk',
  GB18030: 'gb18030',
};

/** Never throws: bytes that are no text of the encoding become U+FFFD. */
export function textReader(clientEncoding: string): ReadText {
  if (clientEncoding === 'UTF8' || clientEncoding === 'SQL_ASCII') return readUtf8;
  const label = LABELS[clientEncoding] ?? clientEncoding.replace(/^WIN(125\d)$/, 'windows-$1');
  try {
    const decoder = new TextDecoder(label);
    return (bytes, start, end) => decoder.decode(bytes.subarray(start, end));
  } catch {
    return readUtf8;
  }
}
