// What is listed of a statement: its text and parameters, and its error.

import type { StatementDetail } from '../../../core/catalogue.ts';
import { besideWords } from '../../../core/replay/beside-words.ts';
import { isGatewayWord } from '../../../core/replay/error-name.ts';
import { showBytes } from '../../../core/text/amounts.ts';
import { Sql, Text } from './text.tsx';

export const StatementBody = ({ detail }: { detail: StatementDetail }) => (
  <>
    <Sql text={detail.text} />
    {detail.textBytes === undefined ? null : (
      <p class="rows-more dim">Cut here; all {showBytes(detail.textBytes)} are in the recording (NDJSON download).</p>
    )}
    {detail.parameters && detail.parameters.length > 0 ? (
      <dl class="parameters">
        {detail.parameters.map((parameter, index) => (
          <div>
            <dt>${index + 1}</dt>
            <dd>
              {parameter.value === null ? (
                <span class="null">NULL</span>
              ) : (
                <code>
                  <Text value={parameter.value} />
                </code>
              )}
              {parameter.bytes === undefined ? null : (
                <span class="dim"> cut, {showBytes(parameter.bytes)} in all</span>
              )}
            </dd>
          </div>
        ))}
      </dl>
    ) : null}
  </>
);

export const StatementFailure = ({ detail: { error } }: { detail: StatementDetail }) =>
  error ? (
    <p class="statement-error">
      {isGatewayWord(error) ? null : (
        <>
          <strong>
            <Text value={error.severity} />
          </strong>{' '}
          <code>
            <Text value={error.code} />
          </code>{' '}
        </>
      )}
      <Text value={error.message} />
      {besideWords(error).map((words) => (
        <span class="statement-beside">
          <Text value={words} />
        </span>
      ))}
    </p>
  ) : null;
