// Why a rule decides as it does about an action, whatever its section: the verdict is what a session would get.

import { SECTIONS } from '../../protocols.ts';
import type { Result } from '../../result.ts';
import type { StatementReader } from '../../sql/reader.ts';
import type { CaseAction } from '../cases.ts';
import type { Rule } from '../document.ts';
import { judgeCommand, parseAskedCommand } from '../sections/commands.ts';
import type { Decision } from '../sections/entries.ts';
import { judgeForward, parseAskedForward } from '../sections/forwards.ts';
import { judgeRequest, parseAskedRequest } from '../sections/requests.ts';
import { compileSections, type Sections } from '../sections/sections.ts';
import { explainStatement, type StatementExplanation, toldOf } from './explain-statement.ts';

/** `does` is told of statements alone. */
export type ActionExplanation = Omit<StatementExplanation, 'does'> & Partial<Pick<StatementExplanation, 'does'>>;

export function explainAction(
  rule: Pick<Rule, keyof Sections>,
  { section, text }: Pick<CaseAction, 'section' | 'text'>,
  reader: StatementReader,
  searchPath?: readonly string[] | undefined,
): ActionExplanation {
  return section === 'statements'
    ? explainStatement(rule, reader, text, searchPath)
    : toldOf(decide(rule, section, text));
}

function decide(rule: Pick<Rule, keyof Sections>, section: Exclude<CaseAction['section'], 'statements'>, text: string) {
  const { commands, requests, forwards } = compileSections(rule);
  const none: Decision = { section, verdict: 'allow', why: `the rule says nothing about ${SECTIONS[section].many}` };
  switch (section) {
    case 'commands':
      return commands ? judgeCommand(commands, parseAskedCommand(text)) : none;
    case 'requests':
      return requests ? judgeRequest(requests, parsed(parseAskedRequest(text))) : none;
    case 'forwards':
      return judgeForward(forwards, parsed(parseAskedForward(text)));
  }
}

/** Whoever asks has parsed it before: the schema of cases, a flag. */
function parsed<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
