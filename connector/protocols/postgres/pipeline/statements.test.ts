import { describe, expect, it } from 'vitest';
import type { StatementFinished, StatementStarted } from '../../../../core/recording/facts/database.ts';
import { Fact } from '../../../../core/recording/facts/fact.ts';
import { FrameScanner, frameTable } from '../wire/framing.ts';
import { errorResponse, message } from '../wire/messages.ts';
import { Statements } from './statements.ts';

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const parse = (name: string, text: string): Buffer => message('P', `${name}\0${text}\0`, int16(0));
const bind = (portal: string, name: string, ...values: string[]): Buffer =>
  message(
    'B',
    `${portal}\0${name}\0`,
    int16(0),
    int16(values.length),
    ...values.flatMap((v) => [v.length, v]),
    int16(0),
  );
const execute = (portal = '', rows = 0): Buffer => message('E', `${portal}\0`, rows);
const describeStatement = (name: string): Buffer => message('D', `S${name}\0`);
const closeStatement = (name: string): Buffer => message('C', `S${name}\0`);
const query = (text: string): Buffer => message('Q', `${text}\0`);
const SYNC = message('S');
const COPY_DATA = message('d', 'row\n');
const COPY_DONE = message('c');

const PARSED = message('1');
const BOUND = message('2');
const ROW = message('D', int16(0));
const complete = (tag: string): Buffer => message('C', `${tag}\0`);
const ready = (status = 'I'): Buffer => message('Z', status);
const failed = (code = '42601'): Buffer => errorResponse('ERROR', code, 'it failed');
const COPY_IN = message('G', Buffer.of(0), int16(0));
const SUSPENDED = message('s');

/** Plays a conversation: messages by who sends them, and gives the facts. */
function play(...turns: ({ client: Buffer[] } | { target: Buffer[] })[]) {
  const facts: Fact[] = [];
  const statements = new Statements({ fact: (fact) => facts.push(Fact.parse(fact)), elapsedUs: () => 1000 });
  const client = new FrameScanner(frameTable('HXdcf', 'QPBEDCSF'), {
    frame: (...of) => statements.clientMessage(...of),
  });
  const target = new FrameScanner(frameTable('DdcITn123sHGV', 'CENAZSt'), {
    frame: (...of) => statements.targetMessage(...of),
  });
  for (const turn of turns) {
    if ('client' in turn) client.scan(Buffer.concat(turn.client));
    else target.scan(Buffer.concat(turn.target));
  }
  const of = <K extends Fact['kind']>(kind: K) =>
    facts.filter((fact): fact is Extract<Fact, { kind: K }> => fact.kind === kind);
  const started: StatementStarted[] = of('statement.started');
  const finished: StatementFinished[] = of('statement.finished');
  /** Text, tags, rows and error code of each, in the order they ended. */
  const outcome = finished.map(({ action, tags, rows, error }) => [
    started.find((one) => one.action === action)?.text,
    ...tags,
    rows,
    ...(error ? [error.code] : []),
  ]);
  return {
    facts,
    started,
    finished,
    outcome,
    notices: of('notice.received'),
    statements,
    fault: client.fault ?? target.fault,
  };
}

describe('a simple query', () => {
  it('collects the tags and rows of several statements', () => {
    const { outcome } = play(
      { client: [query('select 1; update t')] },
      { target: [message('T', int16(0)), ROW, ROW, complete('SELECT 2'), complete('UPDATE 3'), ready()] },
    );
    expect(outcome).toEqual([['select 1; update t', 'SELECT 2', 'UPDATE 3', 2]]);
  });

  it('keeps what came before its error', () => {
    const { outcome } = play(
      { client: [query('insert; broken')] },
      { target: [complete('INSERT 0 1'), failed(), ready()] },
    );
    expect(outcome).toEqual([['insert; broken', 'INSERT 0 1', 0, '42601']]);
  });

  it('may be empty', () => {
    expect(play({ client: [query('')] }, { target: [message('I'), ready()] }).outcome).toEqual([['', 0]]);
  });

  it('gets its own answer when several were sent at once', () => {
    const { outcome } = play(
      { client: [query('a'), query('b'), query('c')] },
      { target: [complete('SELECT 0'), ready(), failed(), ready(), ROW, complete('SELECT 1'), ready()] },
    );
    expect(outcome).toEqual([
      ['a', 'SELECT 0', 0],
      ['b', 0, '42601'],
      ['c', 'SELECT 1', 1],
    ]);
  });

  it('ends with a fatal error, behind which no ReadyForQuery comes', () => {
    const { outcome } = play({ client: [query('a')] }, { target: [errorResponse('FATAL', '57P01', 'bye')] });
    expect(outcome).toEqual([['a', 0, '57P01']]);
  });

  it('points at its bytes and at its answer', () => {
    const greeting = ready();
    const answer = [ROW, complete('SELECT 1')];
    const { started, finished } = play(
      { target: [greeting] },
      { client: [query('one')] },
      { target: [...answer, ready()] },
    );
    expect(started[0]?.at).toEqual({ direction: 'client', lane: 0, offset: 0, length: query('one').length });
    const length = Buffer.concat(answer).length;
    expect(finished[0]).toMatchObject({
      bytes: length,
      at: { direction: 'target', lane: 0, offset: greeting.length, length },
    });
  });
});

describe('a pipeline', () => {
  it('maps each Execute to its result', () => {
    const { outcome, started } = play(
      { client: [parse('', 'select $1'), bind('', '', 'x'), execute(), bind('', '', 'y'), execute(), SYNC] },
      { target: [PARSED, BOUND, ROW, complete('SELECT 1'), BOUND, ROW, ROW, complete('SELECT 2'), ready()] },
    );
    expect(outcome).toEqual([
      ['select $1', 'SELECT 1', 1],
      ['select $1', 'SELECT 2', 2],
    ]);
    expect(started.map(({ parameters }) => parameters?.[0]?.value)).toEqual(['x', 'y']);
  });

  it('passes over what stands between an error and the next Sync', () => {
    const { outcome } = play(
      {
        client: [
          parse('a', 'first'),
          parse('b', 'second'),
          bind('', 'a'),
          execute(),
          bind('', 'b'),
          execute(),
          bind('', 'a'),
          execute(),
          SYNC,
          bind('', 'b'),
          execute(),
          SYNC,
        ],
      },
      {
        target: [
          PARSED,
          PARSED,
          BOUND,
          complete('SELECT 0'),
          BOUND,
          failed('22012'),
          ready('I'),
          BOUND,
          complete('SELECT 0'),
          ready(),
        ],
      },
    );
    expect(outcome).toEqual([
      ['first', 'SELECT 0', 0],
      ['second', 0, '22012'],
      ['first', 0, 'skipped'],
      ['second', 'SELECT 0', 0],
    ]);
  });

  it('passes over what the client sends after an error and before its Sync', () => {
    const { outcome } = play(
      { client: [parse('a', 'first'), bind('', 'a'), execute(), message('H')] },
      { target: [PARSED, BOUND, failed()] },
      { client: [bind('', 'a'), execute(), query('ignored too'), SYNC, query('after')] },
      { target: [ready(), complete('SELECT 0'), ready()] },
    );
    expect(outcome).toEqual([
      ['first', 0, '42601'],
      ['first', 0, 'skipped'],
      ['ignored too', 0, 'skipped'],
      ['after', 'SELECT 0', 0],
    ]);
  });

  it('blames a failed Parse on the Execute that wanted it', () => {
    const { outcome } = play(
      { client: [parse('', 'broken'), bind('', ''), execute(), SYNC] },
      { target: [failed(), ready()] },
    );
    expect(outcome).toEqual([['broken', 0, '42601']]);
  });

  it('tells of a statement that could not be prepared and was not executed', () => {
    const { outcome, notices } = play(
      { client: [parse('x', 'select * from secrets'), describeStatement('x'), SYNC] },
      { target: [failed('42501'), ready()] },
    );
    expect(outcome).toEqual([['select * from secrets', 0, '42501']]);
    expect(notices).toEqual([]);
  });

  it('tells of an error at the Sync, where the transaction commits', () => {
    const { outcome, notices } = play(
      { client: [parse('', 'insert'), bind('', ''), execute(), SYNC] },
      { target: [PARSED, BOUND, complete('INSERT 0 1'), failed('23503'), ready()] },
    );
    expect(outcome).toEqual([['insert', 'INSERT 0 1', 0]]);
    expect(notices).toMatchObject([{ severity: 'ERROR', code: '23503' }]);
  });

  it('knows a suspended portal', () => {
    const { started, finished } = play(
      { client: [parse('', 'rows'), bind('c', ''), execute('c', 2), SYNC] },
      { target: [PARSED, BOUND, ROW, ROW, SUSPENDED, ready('T')] },
      { client: [execute('c', 2), SYNC] },
      { target: [ROW, complete('SELECT 1'), ready()] },
    );
    expect(finished).toMatchObject([
      { action: 1, rows: 2, suspended: true, tags: [] },
      { action: 1, rows: 1, tags: ['SELECT 1'] },
    ]);
    expect(started).toHaveLength(1);
  });

  it('takes no portal for the suspended one while it is not known whether its Bind failed', () => {
    const { started, finished } = play(
      { client: [parse('', 'rows'), bind('c', ''), execute('c', 2), SYNC, execute('c', 2), SYNC] },
      { target: [PARSED, BOUND, ROW, ROW, SUSPENDED, ready('T'), ROW, complete('SELECT 1'), ready()] },
    );
    expect(finished).toMatchObject([
      { action: 1, rows: 2, suspended: true, tags: [] },
      { action: 2, rows: 1, tags: ['SELECT 1'] },
    ]);
    expect(started).toMatchObject([{ text: 'rows' }, { text: '-- c: it is not certain what was bound' }]);
  });

  it('takes a portal that is executed again after its end for another statement', () => {
    const { outcome } = play(
      { client: [parse('', 'rows'), bind('c', ''), execute('c'), SYNC] },
      { target: [PARSED, BOUND, complete('SELECT 0'), ready('T')] },
      { client: [execute('c'), SYNC] },
      { target: [failed('55000'), ready('E')] },
    );
    expect(outcome).toEqual([
      ['rows', 'SELECT 0', 0],
      ['rows', 0, '55000'],
    ]);
  });
});

describe('names', () => {
  it('of a statement whose Parse failed mean what they meant before', () => {
    const { outcome } = play(
      { client: [parse('s', 'old'), SYNC, parse('s', 'new'), SYNC, bind('', 's'), execute(), SYNC] },
      { target: [PARSED, ready(), failed('42P05'), ready(), BOUND, complete('SELECT 0'), ready()] },
    );
    // The pipelined Execute was sent before the failure was known, so its text was the new one's then.
    expect(outcome.at(-1)?.[1]).toBe('SELECT 0');
    const later = play(
      { client: [parse('s', 'old'), SYNC, parse('s', 'new'), SYNC] },
      { target: [PARSED, ready(), failed('42P05'), ready()] },
      { client: [bind('', 's'), execute(), SYNC] },
      { target: [BOUND, complete('SELECT 0'), ready()] },
    );
    expect(later.outcome.at(-1)).toEqual(['old', 'SELECT 0', 0]);
  });

  it('closed in a pipeline that failed are still there', () => {
    const { outcome } = play(
      { client: [parse('s', 'kept'), SYNC, parse('', 'broken'), closeStatement('s'), SYNC] },
      { target: [PARSED, ready(), failed(), ready()] },
      { client: [bind('', 's'), execute(), SYNC] },
      { target: [BOUND, complete('SELECT 0'), ready()] },
    );
    expect(outcome.at(-1)).toEqual(['kept', 'SELECT 0', 0]);
  });
});

describe('COPY FROM STDIN', () => {
  it('counts rows and bytes of what the client sends', () => {
    const { finished } = play(
      { client: [query('copy t from stdin')] },
      { target: [COPY_IN] },
      { client: [COPY_DATA, COPY_DATA, COPY_DONE] },
      { target: [complete('COPY 2'), ready()] },
    );
    expect(finished).toMatchObject([{ tags: ['COPY 2'], rows: 2, bytes: 8 }]);
  });

  it('expects no answer to a Sync that the target ignores, sent before or during it', () => {
    const { outcome } = play(
      { client: [parse('', 'copy'), bind('', ''), execute(), SYNC] },
      { target: [PARSED, BOUND, COPY_IN] },
      { client: [COPY_DATA, SYNC, COPY_DATA, COPY_DONE, SYNC, query('after')] },
      { target: [complete('COPY 2'), ready(), complete('SELECT 0'), ready()] },
    );
    expect(outcome).toEqual([
      ['copy', 'COPY 2', 2],
      ['after', 'SELECT 0', 0],
    ]);
  });

  it('may be sent whole before the target asked for it', () => {
    const { outcome } = play(
      { client: [query('copy'), COPY_DATA, COPY_DONE, query('after')] },
      { target: [COPY_IN, complete('COPY 1'), ready(), complete('SELECT 0'), ready()] },
    );
    expect(outcome).toEqual([
      ['copy', 'COPY 1', 1],
      ['after', 'SELECT 0', 0],
    ]);
  });

  it('that the target breaks off drops the rest of the data', () => {
    const { outcome } = play(
      { client: [query('copy')] },
      { target: [COPY_IN] },
      { client: [COPY_DATA] },
      { target: [failed('22P02'), ready()] },
      { client: [COPY_DATA, COPY_DONE, query('copy again')] },
      { target: [COPY_IN] },
      { client: [COPY_DATA, COPY_DONE] },
      { target: [complete('COPY 1'), ready()] },
    );
    expect(outcome).toEqual([
      ['copy', 0, '22P02'],
      ['copy again', 'COPY 1', 1],
    ]);
  });

  it('admits no other message', () => {
    const { fault } = play({ client: [query('copy')] }, { target: [COPY_IN] }, { client: [query('drop table t')] });
    expect(fault).toContain('COPY');
  });
});

describe('messages that are malformed', () => {
  it.each([
    ['Query without its end', message('Q', 'select 1')],
    ['Query with something behind its end', message('Q', 'select 1\0drop\0')],
    ['Parse without a name', message('P', 'x')],
    ['Parse with more types than it holds', message('P', 's\0x\0', int16(9))],
    ['Bind without a statement', message('B', 'p\0')],
    ['Execute that is too long', message('E', '\0', 0, 0)],
    ['Describe of neither', message('D', 'Xname\0')],
    ['Sync with a body', message('S', 'x')],
    ['Flush with a body', message('H', 'x')],
    ['FunctionCall that is too short', message('F', 1)],
  ])('%s', (_name, bytes) => {
    expect(play({ client: [bytes] }).fault).toContain('malformed');
  });
});
