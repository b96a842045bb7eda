// Texts of which it is known what they hold. Values are test numbers that their networks, standards
// and vendors publish, or random ones of the right form: no real person's, no working key.

export interface Labelled {
  readonly text: string;
  /** Detector and value, for each value in the text. */
  readonly values: readonly (readonly [detector: string, value: string])[];
  /** What each finds by itself is no matter: this is of all detectors at once. */
  readonly together?: true;
}

export const is =
  (detector: string) =>
  (value: string, before = '', after = ''): Labelled => ({ text: before + value + after, values: [[detector, value]] });
export const not = (text: string): Labelled => ({ text, values: [] });
const email = is('email');
const card = is('credit-card');
const iban = is('iban');
const ssn = is('us-ssn');
const phone = is('phone');
const jwt = is('jwt');
const password = is('password');
const aws = is('aws-key');

/** By hand: what experience says goes wrong. */
export const HARD_CASES: readonly Labelled[] = [
  email('alice@example.com', 'mail to ', '.'),
  email('first.last+tag@sub.example.co.uk', '<', '>'),
  email("o'brien@example.ie"),
  email('user_name@example-host.org', '"', '"'),
  email('a@b.io', '(', ')'),
  email('müller@exämple.de', 'an ', ', danke'),
  email('用户@例子.公司', '邮箱：'),
  email('x@xn--bcher-kva.example', 'id '),
  email('alice@example.com', '{"mail":"', '"}'),
  email('alice@example.com', 'mailto:', '?subject=x'),
  email('UPPER@EXAMPLE.COM', ' ', '\n'),
  email('1234567890@example.com', 'qq '),
  // Odd but legal letters in the local part: only a part is found.
  { text: 'a/b=c@example.com', values: [['email', 'a/b=c@example.com']] },
  { text: '"john doe"@example.com', values: [['email', '"john doe"@example.com']] },
  not('logo@2x.png'),
  not('npm install left-pad@1.3.0'),
  not('@decorator'),
  not('user@localhost'),
  not('a @ b . com'),
  not('twitter: @example.'),
  not('SELECT @@version'),
  not('foo@bar..com'),
  not('x@-bad.example-'),
  not('import x from "@scope/pkg"'),
  card('4111111111111111', 'card ', ' exp 12/30'),
  card('4111 1111 1111 1111'),
  card('5555-5555-5555-4444', 'pan=', ';'),
  card('378282246310005', 'amex '),
  card('3782 822463 10005'),
  card('6011111111111117', '"', '"'),
  card('30569309025904', 'dc '),
  card('3530111333300000'),
  card('2223003122003222', '', ','),
  card('6200000000000005', 'up:'),
  card('4222222222222', 'old visa '),
  { text: '4111 1111 1111 1111 123', values: [['credit-card', '4111 1111 1111 1111']] },
  {
    text: '4242424242424242|5555555555554444',
    values: [
      ['credit-card', '4242424242424242'],
      ['credit-card', '5555555555554444'],
    ],
  },
  not('4111111111111112'),
  not('1234567812345670'),
  not('9999999999999995'),
  not('0.4111111111111111'),
  not('1732190844123'),
  not('x4111111111111111'),
  not('550e8400-e29b-41d4-a716-446655440000'),
  not('41111111111111110000000'),
  not('2026-11-21 01:00:00.123456'),
  not('order 4000000000000'),
  not('0000000000000000'),
  iban('DE89370400440532013000', 'IBAN ', '.'),
  iban('GB29 NWBK 6016 1331 9268 19'),
  iban('FR1420041010050500013M02606', '"', '"'),
  iban('NL91ABNA0417164300'),
  iban('MT84 MALT 0110 0001 2345 MTLC AST0 01S', 'acct: '),
  iban('NO9386011117947', '', ' NOK'),
  { text: 'de89370400440532013000', values: [['iban', 'de89370400440532013000']] },
  not('DE89370400440532013001'),
  not('ZZ68539007547034'),
  not('DE8937040044053201300'),
  not('XDE89370400440532013000'),
  not('SKU AB12CD34EF56GH78'),
  ssn('219-45-6789', 'SSN: '),
  ssn('123 45 6789', 'ssn '),
  ssn('123456789', 'ssn='),
  ssn('457-55-5462', '(', ')'),
  { text: 'social security number 457555462', values: [['us-ssn', '457555462']] },
  not('000-12-3456'),
  not('666-12-3456'),
  not('900-12-3456'),
  not('123-00-4567'),
  not('123-45-0000'),
  not('123-45-67890'),
  not('1-123-45-6789'),
  not('123456789'),
  not('part 123-456-789'),
  not('2023-45-6789'),
  phone('+14155550132', 'call '),
  phone('+44 20 7946 0958', '', ' (office)'),
  phone('+49 30 901820'),
  phone('(415) 555-0132', 'tel '),
  phone('415-555-0132', 'fax: '),
  phone('415.555.0132', '', ','),
  phone('1-415-555-0132'),
  phone('020 7946 0958', 'London '),
  phone('01 23 45 67 89', 'Paris '),
  phone('030/901820', 'Berlin '),
  phone('+33 1 23 45 67 89'),
  phone('+1 (415) 555-0132'),
  { text: 'phone 4155550132', values: [['phone', '4155550132']] },
  { text: '0041 44 668 18 00', values: [['phone', '0041 44 668 18 00']] },
  not('2026-11-21'),
  not('01-02-2024 10:00:00'),
  not('192.168.100.200'),
  not('+5'),
  not('version 1.22.333.4444'),
  not('115-555-0132'),
  not('415-155-0132'),
  not('a+123456789012345678'),
  not('12:30:45.123456'),
  not('3.14159265358979'),
  not('+0 123 456 789'),
  jwt(
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U',
    'Bearer ',
  ),
  jwt('eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0.', 'x '),
  not('eyJhbGciOiJIUzI1NiJ9'),
  not('heyJude.songs.example'),
  aws('AKIAIOSFODNN7EXAMPLE', 'key '),
  aws('ASIAIOSFODNN7EXAMPLE', '"', '"'),
  aws('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'aws_secret_access_key = ', '\n'),
  aws('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', '"SecretAccessKey": "', '"'),
  not('AKIAIOSFODNN7EXAMPL'),
  not('AKIAIOSFODNN7EXAMPLEX'),
  not('XAKIAIOSFODNN7EXAMPLE'),
  not('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
  not('d6cd1e2bd19e03a81132a23b2025920577f84e37'),
  is('github-token')('ghp_16C7e42F292c6912E7710c838347Ae178B4a', 'token '),
  not('ghp_short'),
  not('my_ghp_16C7e42F292c6912E7710c838347Ae178B4a'),
  is('slack-token')('xoxb-000000000000-0000000000000-EXAMPLEexampleEXAMPLEexa', 'slack '),
  not('xoxo-love'),
  is('gcp-key')('AIzaSyA0exampleexampleexampleexample012', 'key='),
  not('AIzaShort'),
  is('private-key')(
    '-----BEGIN RSA PRIVATE KEY-----\nMIIEexampleexample+/==\n-----END RSA PRIVATE KEY-----',
    'k:\n',
    '\nrest',
  ),
  is('private-key')(
    '-----BEGIN PRIVATE KEY-----\\nMIIEexampleexample\\n-----END PRIVATE KEY-----',
    '{"private_key": "',
    '\\n"}',
  ),
  not('-----BEGIN CERTIFICATE-----\nMIIEexample\n-----END CERTIFICATE-----'),
  not('-----BEGIN PUBLIC KEY-----'),
  password('hunter2!', 'password=', '&user=x'),
  password('correct horse', '"password": "', '"'),
  password('s3cr3t-value', 'DB_PASSWORD=', '\n'),
  password('p4ssw0rd', 'host=db user=app password=', ' sslmode=require'),
  password('abc123xyz', 'api_key: ', '\n'),
  password('s3cr3t', 'postgres://app:', '@db.internal:5432/shop'),
  password('Zx9!kk', "pwd: '", "'"),
  not('password: string;'),
  not('password = null'),
  not(`password=${'$'}{DB_PASSWORD}`),
  not('The password: must be changed every month'),
  not('password_hash = $2b$10$abcdefghijklmnopqrstuv'),
  not('passwordless: true'),
  not('where password = $1'),
  not('"password": "********"'),
  not('tokenize: yes'),
  not('compass = north'),
];

export interface Random {
  next(): number;
}

/** Mulberry32: the same set on every machine. */
export function randomOf(seed: number): Random {
  let state = seed;
  return {
    next() {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    },
  };
}

const DIGITS = '0123456789';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const UPPERS = LETTERS.toUpperCase();

/** As many labelled texts as asked for: about half hold a value, half hold something that looks like one. */
export function generate(seed: number, count: number): Labelled[] {
  const random = randomOf(seed);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const some = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet[below(alphabet.length)]).join('');
  const luhn = (body: string): string => {
    for (let check = 0; check < 10; check++) if (luhnIsRight(body + check)) return body + check;
    return body;
  };
  const frames = [
    ['', ''],
    ['value: ', ''],
    ['see ', ' for more'],
    ['"', '"'],
    ['(', ')'],
    ['<td>', '</td>'],
    ['x\t', '\ty'],
    ['é ', ' ü'],
    ['', '\n'],
    ['a,', ',b'],
  ] as const;
  const makers: readonly (() => readonly [string, string])[] = [
    () => [
      'email',
      `${some(LETTERS, 3 + below(8))}${pick(['', '.', '_', '+'])}${some(LETTERS + DIGITS, 2)}@${some(LETTERS, 4 + below(6))}.${pick(['com', 'org', 'co.uk', 'example', 'io'])}`,
    ],
    () => [
      'credit-card',
      grouped(luhn(pick(['4', '51', '55', '2221', '6011']).padEnd(4, '0') + some(DIGITS, 11)), pick(['', ' ', '-'])),
    ],
    () => ['credit-card', luhn(pick(['34', '37']) + some(DIGITS, 12))],
    () => [
      'iban',
      ibanOf(
        pick([
          ['DE', some(DIGITS, 18)],
          ['GB', some(UPPERS, 4) + some(DIGITS, 14)],
          ['ES', some(DIGITS, 20)],
          ['NL', some(UPPERS, 4) + some(DIGITS, 10)],
        ] as const),
      ),
    ],
    () => [
      'us-ssn',
      `${pick(['1', '2', '3', '4', '5', '7'])}${some('123456789', 2)}-${some('123456789', 2)}-${some('123456789', 4)}`,
    ],
    () => ['phone', `+${pick(['1415555', '4420794', '49309018', '33123456'])}${some(DIGITS, 4)}`],
    () => ['phone', `(${pick(['415', '212', '650'])}) 555-${some(DIGITS, 4)}`],
    () => ['phone', `${pick(['415', '212', '650'])}-555-${some(DIGITS, 4)}`],
    () => ['jwt', `eyJ${some(LETTERS + DIGITS, 20)}.eyJ${some(UPPERS + DIGITS, 30)}.${some(LETTERS + UPPERS, 43)}`],
    () => ['aws-key', `AKIA${some(`${UPPERS}234567`, 16)}`],
    () => ['gcp-key', `AIza${some(LETTERS + UPPERS + DIGITS, 35)}`],
    () => ['github-token', `gh${pick([...'pousr'])}_${some(LETTERS + UPPERS + DIGITS, 36)}`],
    () => ['slack-token', `xox${pick([...'bpar'])}-${some(DIGITS, 12)}-${some(LETTERS + DIGITS, 24)}`],
    () => [
      'private-key',
      pem(pick(['', 'RSA ', 'EC ', 'OPENSSH ', 'ENCRYPTED ']), some(LETTERS + UPPERS + DIGITS, 64 + below(64))),
    ],
    () => ['password', `${some(LETTERS, 4)}${some(DIGITS, 3)}${pick(['!', '#', '-', ''])}${some(UPPERS, 2)}`],
  ];
  const lookAlikes: readonly (() => string)[] = [
    () => some(DIGITS, 16).replace(/^./, '9'),
    () => wrongLuhn(luhn(`4${some(DIGITS, 14)}`)),
    () => `1${some(DIGITS, 12)}`,
    () =>
      `${some('0123456789abcdef', 8)}-${some('0123456789abcdef', 4)}-4${some('0123456789abcdef', 3)}-a${some('0123456789abcdef', 3)}-${some('0123456789abcdef', 12)}`,
    () =>
      `20${some('12', 2)}-0${some('123456789', 1)}-1${some(DIGITS, 1)} 1${some(DIGITS, 1)}:3${some(DIGITS, 1)}:00.${some(DIGITS, 6)}`,
    () => `9${some(DIGITS, 2)}-${some('123456789', 2)}-${some('123456789', 4)}`,
    () => `${some(LETTERS, 6)}@${some(LETTERS, 5)}`,
    () => `${some(LETTERS, 5)}@${some(DIGITS, 1)}x.png`,
    () => some('0123456789abcdef', 40),
    () => some(LETTERS + UPPERS + DIGITS, 40),
    () => `${some(DIGITS, 2)}.${some(DIGITS, 3)}.${some(DIGITS, 3)}.${some(DIGITS, 2)}`,
    () => `DE${some(DIGITS, 2)}X${some(DIGITS, 17)}`,
    () => `AKIA${some(UPPERS, 12)}`,
    () => `${some('123456789', 3)},${some(DIGITS, 3)},${some(DIGITS, 3)}.${some(DIGITS, 2)}`,
    () => `v${some('123456789', 1)}.${some(DIGITS, 2)}.${some(DIGITS, 1)}-rc.${some(DIGITS, 1)}`,
    () => `ORD-${some(DIGITS, 4)}-${some(DIGITS, 4)}-${some(DIGITS, 4)}-${some(DIGITS, 4)}`,
    () => `192.168.${some('12', 2)}.${some('12', 2)}:${some('123456789', 4)}`,
    () => `${some('123456789', 5)}-${some(DIGITS, 4)}`,
    () =>
      pick([
        'password: string',
        'password = null',
        'the password: ask bob',
        'token_count=5123',
        'passwords=17 rows',
        'secretary: Ms4 Smith1',
        'password_hint: blue4you',
        'x-api-key-id=abc123def',
      ]),
    () => pem('', 'MIIB').replaceAll('PRIVATE', 'PUBLIC'),
  ];
  return Array.from({ length: count }, (_, index): Labelled => {
    const [before, after] = pick(frames);
    if (index % 2 === 1) return { text: before + pick(lookAlikes)() + after, values: [] };
    const [detector, value] = pick(makers)();
    if (detector === 'password') {
      const [head, tail] = pick(NAMED);
      return { text: head + value + tail, values: [[detector, value]] };
    }
    return { text: before + value + after, values: [[detector, value]] };
  });
}

const NAMED = [
  ['password=', ''],
  ['PGPASSWORD=', ' psql'],
  ['"password": "', '"'],
  ['db_password: ', '\n'],
  ['api_key = ', '\n'],
  ["pwd='", "'"],
  ['?access_token=', '&x=1'],
  ['client_secret: ', ''],
  ['mysql://root:', '@db/shop'],
] as const;

const pem = (label: string, body: string): string =>
  `-----BEGIN ${label}PRIVATE KEY-----\n${(body.match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${label}PRIVATE KEY-----`;

function luhnIsRight(digits: string): boolean {
  let sum = 0;
  [...digits].reverse().forEach((digit, index) => {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  });
  return sum % 10 === 0;
}

const wrongLuhn = (card: string): string => card.slice(0, -1) + ((Number(card.slice(-1)) + 1) % 10);
const grouped = (card: string, by: string): string => (card.match(/.{4}/g) ?? []).join(by);

function ibanOf([country, account]: readonly [string, string]): string {
  const value = [...`${account}${country}00`].map((one) => Number.parseInt(one, 36)).join('');
  const check = 98 - Number(BigInt(value) % 97n);
  return `${country}${String(check).padStart(2, '0')}${account}`;
}
