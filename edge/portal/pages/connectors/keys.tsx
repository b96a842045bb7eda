// Of one connector: the question before its key is taken away, and the way there.

import type { ListedConnector } from '../../../../core/api.ts';
import { NoticeBox, to } from '../../components/parts.tsx';
import { Mono, Text, Time } from '../../components/text.tsx';

export const RevokeConnectorPage = ({
  connector,
  sessions,
  reason = '',
  problem,
}: {
  connector: ListedConnector;
  /** That it carries now. */
  sessions: number;
  reason?: string;
  problem?: string;
}) => (
  <div class="narrow">
    <p class="crumb">
      <a href="/connectors">Connectors</a>
    </p>
    <h1>
      Revoke <Text value={connector.name} />?
    </h1>
    {problem === undefined ? null : (
      <NoticeBox kind="error">
        <Text value={problem} />
      </NoticeBox>
    )}
    {connector.revoked ? (
      <p class="lead">
        It was revoked <Time iso={connector.revoked.at} />.
      </p>
    ) : (
      <>
        <p class="lead">
          Its key (<Mono value={connector.key} />) is not taken any more, for good.{' '}
          {sessions === 0
            ? 'It carries no session now.'
            : `${sessions === 1 ? 'The session' : `The ${sessions} sessions`} that it carries ${sessions === 1 ? 'ends' : 'end'}.`}{' '}
          What it recorded stays, and stays proven.
        </p>
        {connector.online ? null : (
          <p class="dim">
            It is not linked, so it hears of it when it comes back. Stop its process, and take its rights in the bucket
            away.
          </p>
        )}
        <form method="post" action="" class="form">
          <div class="field">
            <label for="reason">
              Why? <span class="dim">whoever is in its sessions reads it, and who revoked it</span>
            </label>
            <input id="reason" name="reason" maxlength={500} required autocomplete="off" value={reason} />
          </div>
          <div class="form-end">
            <button type="submit" class="button button-danger">
              Revoke this connector
            </button>
            <a href="/connectors">Keep it</a>
          </div>
        </form>
      </>
    )}
  </div>
);

/** When and by whom it was revoked, and the way there for administrators. */
export const ConnectorStandingFacts = ({
  connector,
  administrator,
}: {
  connector: ListedConnector;
  administrator: boolean;
}) =>
  connector.revoked ? (
    <div>
      <dt>Revoked</dt>
      <dd>
        <Time iso={connector.revoked.at} />
        {connector.revoked.by === undefined ? null : (
          <>
            {' by '}
            <Text value={connector.revoked.by} />: <Text value={connector.revoked.reason ?? ''} />
          </>
        )}
      </dd>
    </div>
  ) : administrator ? (
    <div>
      <dt>Key lost or stolen?</dt>
      <dd>
        <a href={to('connectors', connector.id, 'revoke')}>Revoke this connector</a>
      </dd>
    </div>
  ) : null;
