import type { ListedConnector, ListedResource } from '../../../core/api.ts';
import { Badge, Copyable, Empty, NoticeBox, to } from '../components/parts.tsx';
import { Mono, Text, Time } from '../components/text.tsx';

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
        {connectors.map((connector) => {
          const own = resources.filter((resource) => resource.connector.id === connector.id);
          return (
            <li class="card">
              <div class="card-head">
                <h2 class="card-title">
                  <Text value={connector.name} />
                </h2>
                <Badge state={connector.online ? 'online' : 'offline'} />
              </div>
              <dl class="facts facts-small">
                <div>
                  <dt>Resources</dt>
                  <dd>
                    {own.length === 0
                      ? 'none announced'
                      : own.map((resource, index) => (
                          <>
                            {index > 0 ? ', ' : ''}
                            {resource.mayAsk ? (
                              <a href={to('request', resource.name)}>{resource.name}</a>
                            ) : (
                              resource.name
                            )}
                          </>
                        ))}
                  </dd>
                </div>
                <Contested connector={connector} connectors={connectors} />
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

export const JoinTokenPage = ({ token, expiresAt }: { token: string; expiresAt: string }) => (
  <div class="narrow">
    <p class="crumb">
      <a href="/connectors">Connectors</a>
    </p>
    <h1>Add a connector</h1>
    <NoticeBox kind="plain">
      <strong>This token is shown this once.</strong> It joins one connector, until <Time iso={expiresAt} />.
    </NoticeBox>
    <Copyable id="join-token" text={token} label="the join token" />
    <p>
      Give it to the connector when it starts for the first time. It makes a key of its own, registers it with this
      token, and never needs the token again.
    </p>
    <p class="form-end">
      <a class="button" href="/connectors">
        Done
      </a>
    </p>
  </div>
);

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
