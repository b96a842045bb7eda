// The commands, and what all of them share.

import { Command, Help } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import type { Cli } from './cli.ts';
import { COMMANDS } from './commands.ts';

/** Width that help is laid out for, whatever the terminal: scripts and documents quote it. */
const HELP_COLUMNS = 78;

/** Reads the files of those commands only that `args` name. */
export async function createProgram(cli: Cli, args: readonly string[]): Promise<Command> {
  const program = new Command('gatehouse')
    .description('Reach databases through Gatehouse; find, replay and prove recorded sessions.')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void cli.terminal.stdout.write(text),
      // The failure's one line is printed by run-command.ts.
      writeErr: () => {},
      getOutHelpWidth: () => HELP_COLUMNS,
    })
    .option('--data <DIR>', "npm start's folder, with --as (default .gatehouse)")
    .option('--as <PERSON>', 'act as a demo person: alice, bob or carol')
    .option('--json', 'answers and errors as JSON')
    .version(packageJson.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help; COMMAND --help says more')
    .configureHelp({
      showGlobalOptions: true,
      // Of a command, the version is not.
      visibleGlobalOptions(command) {
        return Help.prototype.visibleGlobalOptions.call(this, command).filter(({ long }) => long !== '--version');
      },
    });
  const named = args.find((arg, at) => !arg.startsWith('-') && !['--as', '--data'].includes(args[at - 1] ?? ''));
  if (named !== undefined && COMMANDS[named]?.passesOptions) program.enablePositionalOptions();
  for (const [name, { summary, load, passesOptions }] of Object.entries(COMMANDS)) {
    const command = program.command(name).summary(summary).description(summary);
    if (passesOptions && name === named) command.passThroughOptions();
    if (args.includes(name)) (await load())(command, cli);
  }
  // The list of commands fills the screen: headings and blank lines go.
  program.configureHelp({
    showGlobalOptions: true,
    formatHelp: (command, helper) => {
      const rows = new Map<string, { terms: string[]; text: string }>();
      for (const each of helper.visibleCommands(command)) {
        const beside = COMMANDS[each.name()]?.beside;
        const row = beside && rows.get(beside.command);
        if (row) Object.assign(row, { terms: [...row.terms, each.name()], text: beside.summary });
        else rows.set(each.name(), { terms: [each.name()], text: each.summary() || each.description() });
      }
      return `${[
        'Usage: gatehouse [--as PERSON] [--data DIR] [--json] [-V] COMMAND [--help] ...',
        ...[...rows.values()].map(({ terms, text }) => `  ${terms.join(', ').padEnd(15)} ${text}`),
      ].join('\n')}\n`;
    },
  });
  return program;
}
