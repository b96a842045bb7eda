import type { ListedConnector, ListedResource } from '../../../../core/api.ts';
import { count, showBytes } from '../../../../core/text/amounts.ts';
import { Badge, ConnectorBadge, Empty, NoticeBox, to } from '../../components/parts.tsx';
import { Mono, Text, Time } from '../../components/text.tsx';
import { ConnectorStandingFacts } from './keys.tsx';

interface ConnectorsPageProps {
  connectors: readonly ListedConnector[];
  resources: readonly ListedResource[];
  administrator: boolean;
}

export const ConnectorsPage = ({ connectors, resources, administrator }: ConnectorsPageProps) => (
  <>
    <div class="section-head">
      <h1>Connectors</h1>
      {administrator ? (
        <form method="post" action="/connectors/join-token">
          <label>
            Site <input name="site" maxlength={63} pattern="[a-z0-9][a-z0-9\-]*" placeholder="none" size={12} />
          </label>{' '}
          <button type="submit" class="button">
            Add a connector
          </button>
        </form>
      ) : null}
    </div>
    <p class="lead">
      They run near the targets, carry the sessions and record them. Each dials out and has a key of its own.
    </p>
    {connectors.length === 0 ? (
      <Empty title="No connector has joined yet">
        <p>{administrator ? 'Add one: you get a token that joins one connector.' : 'An administrator can add one.'}</p>
      </Empty>
    ) : (
      <ul class="cards cards-wide">
        {bySite(connectors).map((connector) => {
          const own = connector.resources ?? [];
          const askable = new Set(resources.filter(({ mayAsk }) => mayAsk).map(({ name }) => name));
          return (
            <li class="card">
              <div class="card-head">
                <h2 class="card-title">
                  <Text value={connector.name} />
                </h2>
                {connector.revoked ? (
                  <Badge state="revoked" />
                ) : (
                  <ConnectorBadge
                    connector={{ online: connector.online, draining: connector.standing === 'draining' }}
                  />
                )}
              </div>
              {connector.online && connector.resources?.length === 0 ? (
                <NoticeBox kind="warning">
                  It serves nothing: {connector.contested ? 'others hold the names below' : 'it announces no resource'}.
                </NoticeBox>
              ) : null}
              <dl class="facts facts-small">
                {connector.site === undefined ? null : (
                  <div>
                    <dt>Site</dt>
                    <dd>
                      <Text value={connector.site} />
                    </dd>
                  </div>
                )}
                <div>
                  <dt>Resources</dt>
                  <dd>
                    {own.length === 0
                      ? 'none announced'
                      : own.map((name, index) => (
                          <>
                            {index > 0 ? ', ' : ''}
                            {askable.has(name) ? <a href={to('request', name)}>{name}</a> : name}
                          </>
                        ))}
                  </dd>
                </div>
                <Status status={connector.online ? connector.status : undefined} />
                <Contested connector={connector} connectors={connectors} />
                <ConnectorStandingFacts connector={connector} administrator={administrator} />
                <div>
                  <dt>Key</dt>
                  <dd>
                    <Mono value={connector.key} />
                  </dd>
                </div>
                <div>
                  <dt>Build</dt>
                  <dd>
                    <Text value={connector.build ?? 'unknown'} />
                    {connector.protocol === undefined ? null : (
                      <span class="dim"> link protocol {connector.protocol}</span>
                    )}
                  </dd>
                </div>
                <div>
                  <dt>Joined</dt>
                  <dd>
                    <Time iso={connector.joinedAt} />
                  </dd>
                </div>
                {connector.online || !connector.lastSeenAt ? null : (
                  <div>
                    <dt>Last seen</dt>
                    <dd>
                      <Time iso={connector.lastSeenAt} />
                    </dd>
                  </div>
                )}
              </dl>
            </li>
          );
        })}
      </ul>
    )}
  </>
);

/** Replicas of a site beside each other, those that are there first. */
const bySite = (connectors: readonly ListedConnector[]): ListedConnector[] =>
  connectors.toSorted(
    (one, other) =>
      (one.site ?? '').localeCompare(other.site ?? '') ||
      Number(other.online) - Number(one.online) ||
      one.name.localeCompare(other.name),
  );

const Status = ({ status }: { status: ListedConnector['status'] }) => {
  if (!status) return null;
  const { accepting, draining, sessions, lagMs, logFree, backlog } = status;
  return (
    <>
      {draining ? (
        <div>
          <dt>Stopping</dt>
          <dd>
            sessions may go on until <Time iso={draining.until} />
          </dd>
        </div>
      ) : null}
      <div>
        <dt>Sessions</dt>
        <dd>{sessions}</dd>
      </div>
      {lagMs === undefined ? null : (
        <div>
          <dt>Link lag</dt>
          <dd>{lagMs} ms</dd>
        </div>
      )}
      <div>
        <dt>Log disk</dt>
        <dd>
          {showBytes(logFree)} free{accepting ? '' : ': no sessions are taken'}
        </dd>
      </div>
      <div>
        <dt>Waits for upload</dt>
        <dd>
          {backlog.objects === 0 ? 'nothing' : `${count(backlog.objects, 'object')}, ${showBytes(backlog.bytes)}`}
          {backlog.oldest === undefined ? null : (
            <>
              , the oldest of <Time iso={backlog.oldest} />
            </>
          )}
        </dd>
      </div>
    </>
  );
};

/** Two connectors announce one name: it stays with the first, and both are shown. */
const Contested = ({
  connector,
  connectors,
}: {
  connector: ListedConnector;
  connectors: readonly ListedConnector[];
}) => {
  const refused = (connector.contested ?? []).map(
    ({ resource, holder }) => `${resource}: not served here, ${holder.name} holds it`,
  );
  const claimed = connectors.flatMap((other) =>
    (other.contested ?? [])
      .filter(({ holder }) => holder.id === connector.id)
      .map(({ resource }) => `${resource}: ${other.name} announces it too, and was refused`),
  );
  const all = [...refused, ...claimed];
  return all.length === 0 ? null : (
    <div>
      <dt>Contested</dt>
      <dd>
        {all.map((words) => (
          <p class="soon">
            <Text value={words} />
          </p>
        ))}
      </dd>
    </div>
  );
};
