import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TerminalFilter } from './terminal-filter.ts';

const shown = (text: string) => new TerminalFilter().push(text);
const ESC = '\u001b';

describe('what of a recording reaches the viewer’s terminal', () => {
  it.each([
    ['a clipboard', `${ESC}]52;c;cm0gLXJm\u0007`],
    ['a clipboard, ended by ST', `${ESC}]52;c;cm0gLXJm${ESC}\\`],
    ['a clipboard in C1', '\u009d52;c;cm0gLXJm\u009c'],
    ['a title', `${ESC}]0;owned\u0007`],
    ['a link', `${ESC}]8;;https://example.com${ESC}\\`],
    ['a palette', `${ESC}]4;1;?\u0007`],
    ['device attributes', `${ESC}[c`],
    ['device attributes of three kinds', `${ESC}[0c${ESC}[>c${ESC}[=c`],
    ['the cursor’s place', `${ESC}[6n`],
    ['the cursor’s place, as DEC asks', `${ESC}[?6n`],
    ['the same in C1', '\u009b6n'],
    ['the terminal’s id', `${ESC}Z`],
    ['an answerback', '\u0005'],
    ['a setting', `${ESC}P$qm${ESC}\\`],
    ['a mode', `${ESC}[?2004$p`],
    ['a version', `${ESC}[>q`],
    ['a window’s title and size', `${ESC}[21t${ESC}[8;5;5t`],
    ['a checksum', `${ESC}[1;1;1;1;1;1*y`],
    ['keys of kitty', `${ESC}[>1u${ESC}[?u`],
    ['keys of xterm', `${ESC}[>4;2m`],
    ['a mouse', `${ESC}[?1000h${ESC}[?1006;1003h`],
    ['a mouse among others', `${ESC}[?25;1000h`],
    ['pasted text', `${ESC}[?2004h`],
    ['focus', `${ESC}[?1004h`],
    ['keys that send something else', `${ESC}[?1h${ESC}=`],
    ['a printer', `${ESC}[5i${ESC}[?4i`],
    ['a picture', `${ESC}Pq#0;2;0;0;0~-${ESC}\\`],
    ['an application’s command', `${ESC}_Gf=24;AAAA${ESC}\\`],
    ['a locked keyboard', `${ESC}[2h`],
    ['no end', `${ESC}[${'1;'.repeat(1000)}`],
  ])('is not %s', (_, text) => {
    const left = shown(`a${text}`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(left.replace(/[1;]/g, '')).toMatch(/^a[^\u0000-\u001f\u0080-\u009f]*$/);
    expect(left).not.toMatch(/cm0g|owned|example/);
  });

  it('is what draws: text, colours, cursor, regions, screens, character sets', () => {
    const drawn = `${ESC}[?1049h${ESC}[2J${ESC}[1;1H${ESC}[38;5;200;4:3mé漢🎉${ESC}[0m\r\n${ESC}(0lqk${ESC}(B${ESC}7${ESC}[3;9r${ESC}8${ESC}[?25l${ESC}[!p${ESC}[2 q${ESC}#8\t\b`;
    expect(shown(drawn)).toBe(drawn);
    expect(shown('\u009b31mx')).toBe(`${ESC}[31mx`);
  });

  it('is the same however the output was split, and never begins what is not on the list', () => {
    const piece = fc.oneof(
      fc.array(fc.integer({ min: 0, max: 0x2ff }), { maxLength: 4 }).map((codes) => String.fromCodePoint(...codes)),
      fc.constantFrom(
        ESC,
        `${ESC}[`,
        `${ESC}]`,
        `${ESC}P`,
        '\u009b',
        '\u009d',
        ';',
        '?',
        '>',
        '$',
        '52',
        '6',
        'n',
        'c',
        'm',
        'H',
        'q',
        'p',
        't',
        '\u0007',
        '\\',
        '\u0018',
        ' ',
        '!',
        '(',
      ),
    );
    const KNOWN =
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      /\u001b(?:\[(?:[\d;:]*[@A-HJ-MPSTXZ`abd-gmrsu]|[\d;]*[hl]|\?[\d;]*[hlJK]|!p|\d* q)|[78DEHMcno|}~]|[()*+#][0-~])/g;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const filter = new TerminalFilter();
        const split = pieces.map((one) => filter.push(one)).join('');
        expect(split).toBe(shown(pieces.join('')));
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(split.replace(KNOWN, '')).not.toMatch(/[\u0000-\u0006\u0010-\u001f\u007f-\u009f]/);
      }),
      { numRuns: 300 },
    );
  });
});
