// What each command's help looks like. That the program prints it: test/cli/commands.test.ts.

import { PassThrough } from 'node:stream';
import { CommanderError } from 'commander';
import { expect, it } from 'vitest';
import { Cli } from './cli.ts';
import { COMMANDS } from './commands.ts';
import { createProgram } from './program.ts';

it.each([[[]], ...Object.keys(COMMANDS).map((name) => [[name]])])(
  'help of %j fits a screen of 24 lines and 80 columns',
  async (command) => {
    const stdout = new PassThrough();
    const cli = new Cli({ stdin: new PassThrough(), stdout, stderr: new PassThrough(), env: {} });
    const args = [...command, '--help'];
    const ended: unknown = await (await createProgram(cli, args)).parseAsync(args, { from: 'user' }).catch((e) => e);
    expect(ended).toBeInstanceOf(CommanderError);
    expect(ended).toMatchObject({ exitCode: 0 });
    const text = String(stdout.read());
    const rows = text.trimEnd().split('\n');
    // One line is the prompt's.
    expect(rows.length).toBeLessThan(24);
    expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(80);
    if (command.length > 0) expect(text).toContain('--json');
  },
);
