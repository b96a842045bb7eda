import { describe, expect, test } from 'vitest';
import type { MaskEntry } from '../../core/masking/mask-entry.ts';
import { Masks } from '../../core/masking/masks.ts';
import type { Way } from '../../core/masking/ways.ts';
import { maskJsonMatches, maskJsonScalars } from './json-values.ts';

const masks = (...mask: MaskEntry[]) =>
  new Masks([{ name: 'r', mask }], { keyedHash: () => new Uint8Array(32).fill(0xab), incidents: () => {} });
const document = '{"id": 4711, "mail":"ann@example.com","on":true,"none":null,"list":[-1.5e3, "x"], "a\\"b": 12}';

describe('a document of a masked column', () => {
  test.each<[Way, string]>([
    [
      'placeholder',
      '{"id": "[masked]", "mail":"[masked]","on":"[masked]","none":null,"list":["[masked]", "[masked]"], "a\\"b": "[masked]"}',
    ],
    ['partial', '{"id": "4***", "mail":"a***","on":"[masked]","none":null,"list":["-***", "***"], "a\\"b": "***"}'],
    ['null', '{"id": null, "mail":null,"on":null,"none":null,"list":[null, null], "a\\"b": null}'],
    [
      { fixed: 'gone' },
      '{"id": "gone", "mail":"gone","on":"gone","none":null,"list":["gone", "gone"], "a\\"b": "gone"}',
    ],
    [{ fixed: '-1' }, '{"id": -1, "mail":"-1","on":"-1","none":null,"list":[-1, "-1"], "a\\"b": -1}'],
    [
      { fixed: 'false' },
      '{"id": "false", "mail":"false","on":false,"none":null,"list":["false", "false"], "a\\"b": "false"}',
    ],
  ])('%j: whatever stands there looks masked, or is what the rule gives', (way, masked) => {
    expect(maskJsonScalars(document, way, masks())).toBe(masked);
  });

  test('hash tells numbers and strings apart by value, and never the two booleans', () => {
    const masked = JSON.parse(maskJsonScalars(document, 'hash', masks()));
    expect(masked).toMatchObject({ id: expect.stringMatching(/^h_[0-9a-f]{32}$/), on: '[masked]', none: null });
  });

  // Numbers that JSON does not write so would make the document unreadable.
  test.each(['007', '1.', '.5', '+1', '1e', 'NaN', '0x10', '1,2', '-'])('a fixed %s is put as a string', (fixed) => {
    expect(JSON.parse(maskJsonScalars('{"n":1}', { fixed }, masks()))).toEqual({ n: fixed });
  });
});

describe('what detectors find in a document', () => {
  test('is looked for in one pass, whatever stands in a row', () => {
    // A way that went back for each point would take longer than any test may.
    const text = Buffer.from(`"${'1.'.repeat(2_000_000)}1"`);
    expect(maskJsonMatches(text, 0, text.length, masks({ detect: ['credit-card'], with: 'null' }))).toBeUndefined();
  });
  test('leaves what it does not hide as it was written', () => {
    const text = Buffer.from(String.raw`xx{"\u0061":"\u0062", "pass\u0077ord":"hunter22", "c" : 1.50e1}`);
    const out = maskJsonMatches(text, 2, text.length, masks({ detect: ['password'], with: 'placeholder' }));
    expect(out?.toString()).toBe(String.raw`{"\u0061":"\u0062", "pass\u0077ord":"[password]", "c" : 1.50e1}`);
  });
  const found = (text: string, mask: MaskEntry) => {
    const bytes = Buffer.from(text);
    const out = maskJsonMatches(bytes, 0, bytes.length, masks(mask));
    return out === undefined || out === null ? out : JSON.parse(out.toString());
  };
  test.each<[string, MaskEntry, unknown]>([
    ['{"n":4111111111111111}', { detect: ['credit-card'], with: 'placeholder' }, { n: '[credit-card]' }],
    ['{"n":4111111111111111}', { detect: ['credit-card'], with: 'partial' }, { n: '************1111' }],
    ['{"password":123456,"n":7}', { detect: ['password'], with: 'placeholder' }, { password: '[password]', n: 7 }],
    ['{"password":true}', { detect: ['password'], with: 'placeholder' }, undefined],
    ['{"n":4111111111111111}', { detect: ['credit-card'], with: 'null' }, null],
    ...[
      '4.111111111111111e15',
      '4111111111111111.0',
      '41111111111111110E-1',
      '411111111111111100e-2',
      '4111111111111111e+0',
    ].map((n): [string, MaskEntry, unknown] => [
      `{"a": [1.5, ${n}]}`,
      { detect: ['credit-card'], with: 'partial' },
      { a: [1.5, '************1111'] },
    ]),
    ['{"n":4111111111111111.5,"m":1e400,"k":1e-3}', { detect: ['credit-card'], with: 'partial' }, undefined],
    [
      String.raw`{"n":"\u00fc", "pass\u0077ord" : "hunter22", "é":"\u0070"}`,
      { detect: ['password'], with: 'placeholder' },
      { n: 'ü', password: '[password]', é: 'p' },
    ],
    [String.raw`{"pass\u0077ord":123456}`, { detect: ['password'], with: 'placeholder' }, { password: '[password]' }],
    [
      String.raw`{"x":"\u00e9","password":"a\u0062c d3"}`,
      { detect: ['password'], with: 'placeholder' },
      { x: 'é', password: '[password]' },
    ],
  ])('%s', (text, mask, expected) => {
    expect(found(text, mask)).toEqual(expected);
  });
});
