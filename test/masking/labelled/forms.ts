// Values in the forms that carry them: addresses, XML, YAML, headers, SQL, escapes, and several in one text.

import { is, type Labelled, not } from './cases.ts';

const key = is('private-key');
const github = is('github-token');
const card = is('credit-card');
const iban = is('iban');
const ssn = is('us-ssn');
const phone = is('phone');
const jwt = is('jwt');
const password = is('password');
const aws = is('aws-key');
const JWT =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';
const GITHUB = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a';
const AWS_ID = 'AKIAIOSFODNN7EXAMPLE';
const AWS_SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

export const FORMS: readonly Labelled[] = [
  key(
    '-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2.0.22 (GNU/Linux)\nComment: Bob\'s "first" key\n\nlQOYBFexample+/==\n=aBcD\n-----END PGP PRIVATE KEY BLOCK-----',
    'k:\n',
    '\nrest',
  ),
  key(
    '-----BEGIN PGP PRIVATE KEY BLOCK-----\r\nVersion: BCPG v1.60\r\n\r\nlQOYBFexample\r\n-----END PGP PRIVATE KEY BLOCK-----',
    '',
    '\r\n',
  ),
  key(
    '-----BEGIN RSA PRIVATE KEY-----\\nProc-Type: 4,ENCRYPTED\\nDEK-Info: AES-256-CBC,00FF\\n\\nMIIEexample\\n-----END RSA PRIVATE KEY-----',
    '{"key": "',
    '"}',
  ),
  key('-----BEGIN+PRIVATE+KEY-----%0AMIIEexample%2B%2F%3D%0A-----END+PRIVATE+KEY-----', 'key=', '&x=1'),
  card('4111111111111111', 'paid with.'),
  card('4111111111111111', 'Card No.', '.'),
  card('4111.1111.1111.1111'),
  not('1.4111111111111111'),
  not('4111111111111111.25'),
  not('ORD-4111111111111111'),
  phone('+14155550132', 'tel:', ';ext=3'),
  phone('+1-415-555-0132', 'TEL;VALUE=uri:tel:'),
  phone('415-555-0132', 'TEL:'),
  phone('+49 30 901820', 'Tel.'),
  phone('(415) 555-0132', 'tel:'),
  not('12:30 1:415-555-0132'),
  password('ab&cd', 'password='),
  password('ab&cd', '?password=', '&user=bob'),
  password('ab', '?password=', '&user=bob'),
  password('a,b;c', 'password=', ' host=db'),
  password('hunter2', 'Password=', ';Server=db;'),
  password('hunter2', '{password:', ',user:bob}'),
  password('hun}ter)2', 'password='),
  password('hunter2', '<password>', '</password>'),
  password('hunter2', '<wsse:Password Type="x#PasswordText">', '</wsse:Password>'),
  password('hun<ter2', '<pwd><![CDATA[', ']]></pwd>'),
  password('hunter2', '<entry key="db.password">', '</entry>'),
  password('hunter2', '<property name="password" value="', '"/>'),
  password('hunter2', '{"name":"DB_PASSWORD","value":"', '"}'),
  password('hunter2', '- name: DB_PASSWORD\n  value: ', '\n'),
  password('hunter2', "alter role app with password '", "' valid until 'infinity'"),
  password("it''s", "create user app password E'", "'"),
  password('hunter2', "create user app identified by '", "'"),
  password('hunter2', 'password:\n  ', '\n'),
  password('hunter2', 'password: >-\n  ', '\n'),
  password('hunter2', 'password%3D', '%26user%3Dbob'),
  password('dXNlcjpodW50ZXIy', 'Authorization: Basic ', '\r\n'),
  password('abcdef1234567890', 'authorization: Bearer ', '\r\n'),
  password('abcdef1234567890', 'X-Api-Key:\r\n ', '\r\n'),
  password('s3cr&t', 'postgres://app:', '@db:5432/shop'),
  not('<password>string</password>'),
  not('<input name="password"/>hunter2'),
  not('<label for="password">Password</label>'),
  not('pass=12 fail=3'),
  not("the password isn't 'long'"),
  not('{"name":"city","value":"Riga1234"}'),
  not('value: abc12345'),
  not('Authorization: required'),
  not('Password:\n  Must contain eight characters'),
  not('https://h:8080,see a/b'),
  iban('DE89-3704-0044-0532-0130-00'),
  ssn('219456789', '<ssn>', '</ssn>'),
  aws(AWS_ID, '\\n', '\\n'),
  aws(AWS_ID, '%22', '%22'),
  aws(AWS_ID, '\\u0022', '\\u0022'),
  github(GITHUB, 'x\\t'),
  github(GITHUB, 'url-'),
  jwt(JWT, 'x%3D'),
  jwt(JWT, 'jwt_'),
  {
    text: 'secret_key: "-----BEGIN PRIVATE KEY-----\nMIIEexample\n-----END PRIVATE KEY-----"',
    values: [['private-key', '-----BEGIN PRIVATE KEY-----\nMIIEexample\n-----END PRIVATE KEY-----']],
    together: true,
  },
  // Several in one text: each is found, whole, by the one that knows it best.
  { text: `https://x-access-token:${GITHUB}@github.com/a/b.git`, values: [['github-token', GITHUB]], together: true },
  { text: `https://${GITHUB}@github.com/a/b.git`, values: [['github-token', GITHUB]], together: true },
  { text: `access_token=${JWT}&x=1`, values: [['jwt', JWT]], together: true },
  { text: `Authorization: Bearer ${JWT}`, values: [['jwt', JWT]], together: true },
  { text: `password=${JWT}${'x'.repeat(3000)}`, values: [['jwt', `${JWT}${'x'.repeat(3000)}`]], together: true },
  { text: `{"api_key":"${AWS_ID}"}`, values: [['aws-key', AWS_ID]], together: true },
  {
    text: `${AWS_ID},${AWS_SECRET}`,
    values: [
      ['aws-key', AWS_ID],
      ['aws-key', AWS_SECRET],
    ],
    together: true,
  },
  {
    text: `password=hunter2 ${GITHUB} ${AWS_ID}`,
    values: [
      ['password', 'hunter2'],
      ['github-token', GITHUB],
      ['aws-key', AWS_ID],
    ],
    together: true,
  },
  {
    text: 'john.4111111111111111@example.com',
    values: [['email', 'john.4111111111111111@example.com']],
    together: true,
  },
];
