// Listed actions as documents to search. Verdicts are found by their field: the policy's words are no words of the session.

import type { ActionEntry } from '../catalogue.ts';
import type { StatementError } from '../recording/facts/database.ts';
import type { DocumentBody } from './document.ts';
import { tablesIn } from './tables.ts';

export function actionDocument(entry: ActionEntry): DocumentBody {
  const { action, lane, timeUs, outcome, durationUs, verdict } = entry;
  return {
    kind: entry.kind,
    action,
    key: actionKey(action),
    lane,
    timeUs,
    ...saidBy(entry),
    ...(outcome !== undefined && { outcome }),
    ...(verdict && { verdict: verdict.outcome }),
    ...(durationUs !== undefined && { durationUs }),
    ...(mayGoOn(entry) && { open: true }),
  };
}

/** Sorts as the number does. */
const actionKey = (action: number): string => `a${String(action).padStart(12, '0')}`;

/** It had not ended with what is known of it, or not for good. */
export const mayGoOn = (action: ActionEntry): boolean =>
  action.durationUs === undefined || (action.kind === 'statement' && action.detail.suspended === true);

type Said = Pick<DocumentBody, 'texts' | 'errors' | 'tables' | 'cutBytes' | 'rows'>;

function saidBy(entry: ActionEntry): Said {
  switch (entry.kind) {
    case 'statement': {
      const { text, textBytes, parameters = [], error, rows } = entry.detail;
      const values = parameters.flatMap(({ value, hidden }) => (value === null || hidden ? [] : [value]));
      return {
        texts: [text, ...values, ...(error ? [error.message, ...besideTexts(error), error.code] : [])],
        errors: error ? codesIn(error.code) : [],
        tables: tablesIn(text),
        ...cut(textBytes),
        ...(rows !== undefined && { rows }),
      };
    }
    case 'command': {
      const { command, commandBytes, exit, signal } = entry.detail;
      const errors = [...(exit === undefined || exit === 0 ? [] : [String(exit)]), ...(signal ? [signal] : [])];
      return { texts: command === '' ? [entry.title] : [command], errors, tables: [], ...cut(commandBytes) };
    }
    case 'exchange': {
      const { method, url, urlBytes, status } = entry.detail;
      const errors = status !== undefined && status >= 400 ? [String(status)] : [];
      return { texts: [`${method} ${url}`], errors, tables: [], ...cut(urlBytes) };
    }
    case 'file': {
      const { operation, path, to, error } = entry.detail;
      return {
        texts: [
          `${operation.replaceAll('_', ' ')} ${path}`,
          ...(to === undefined ? [] : [to]),
          ...(error ? [error.message] : []),
        ],
        errors: error ? [String(error.code)] : [],
        tables: [],
      };
    }
  }
}

const besideTexts = ({ detail = '', hint = '', context = '' }: StatementError): string[] =>
  [detail, hint, context].filter((text) => text !== '');

/** MySQL's have two, `1146 (42S02)`: people know one of them, or paste both. */
function codesIn(code: string): string[] {
  const [, number, state] = /^(\d+) \(([0-9A-Z]{5})\)$/.exec(code) ?? [];
  return number === undefined || state === undefined ? [code] : [code, number, state];
}

const cut = (bytes: number | undefined) => (bytes === undefined ? {} : { cutBytes: bytes });
