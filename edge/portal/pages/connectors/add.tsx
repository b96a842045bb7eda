// Adding a connector, from the token to the first session: what to type, and what has come of it so far.

import type { ListedConnector, ListedResource } from '../../../../core/api.ts';
import type { JoinTokenUse } from '../../../../core/connectors/join.ts';
import { count } from '../../../../core/text/amounts.ts';
import { Copyable, NoticeBox, to } from '../../components/parts.tsx';
import { Text, Time } from '../../components/text.tsx';

interface AddConnectorProps {
  readonly token: string;
  readonly id: string;
  readonly expiresAt: string;
  readonly site?: string | undefined;
  /** This edge's origin. */
  readonly edge: string;
}

export const AddConnectorPage = ({ token, id, expiresAt, site, edge }: AddConnectorProps) => (
  <div class="narrow">
    <p class="crumb">
      <a href="/connectors">Connectors</a>
    </p>
    <h1>Add a connector</h1>
    <NoticeBox kind="plain">
      <strong>This token is shown this once.</strong> It joins one connector{' '}
      {site === undefined ? (
        'without a site'
      ) : (
        <>
          of site <Text value={site} />
        </>
      )}
      , until <Time iso={expiresAt} />.
    </NoticeBox>
    <Copyable id="join-token" text={token} label="the join token" />
    <JoiningStatus id={id} use={{ expiresAt }} connector={undefined} resources={[]} />
    <ol class="checklist">
      <li>
        <h2>Put the program on a machine that reaches the targets</h2>
        <p>
          One file, <code>dist/gatehouse-connector.mjs</code>, made by <code>npm ci && npm run bundle</code> in a
          checkout of Gatehouse. It needs Node 24 and nothing else. For an image, Kubernetes, systemd or Fargate the
          settings are the same: <code>docs/install-connector.md</code>.
        </p>
      </li>
      <li>
        <h2>Write its settings</h2>
        <p>
          Save as <code>connector.yaml</code>, and change what is in capitals. A password is a file beside it, or a
          secret's name at AWS or Vault: <code>docs/connector.md</code>.
        </p>
        <Copyable id="join-settings" text={settingsOf(edge, site)} label="the settings" />
      </li>
      <li>
        <h2>Store the token</h2>
        <p>The first start uses it up; the connector has a key of its own from then on.</p>
        <Copyable id="join-store" text={storing(token)} label="the command that stores the token" />
      </li>
      <li>
        <h2>Check, then start</h2>
        <p>The check lists every mistake at once, each with what to do. It starts nothing.</p>
        <Copyable id="join-check" text={`${PROGRAM} --check`} label="the command that checks" />
        <Copyable id="join-start" text={PROGRAM} label="the command that starts it" />
      </li>
    </ol>
    <p class="form-end">
      <a class="button" href="/connectors">
        Done
      </a>
    </p>
  </div>
);

const PROGRAM = 'node gatehouse-connector.mjs --config connector.yaml';

const settingsOf = (edge: string, site: string | undefined): string => `name: ${site ?? 'NAME'}
edge: ${edge}
${site === undefined ? '' : `site: ${site}\n`}join: { tokenFile: secrets/join-token }
state: state
store: { s3: { bucket: BUCKET, region: REGION } }
listeners: { postgres: { advertise: { host: NAME-OF-THIS-MACHINE } } }
resources:
  - name: RESOURCE
    protocol: postgres
    host: HOST
    user: USER
    password: { file: secrets/password }
`;

/** By the shell's own input: arguments are in the list of processes. */
const storing = (token: string): string =>
  `mkdir -p -m 700 secrets && (umask 077; cat > secrets/join-token) <<'END'\n${token}\nEND`;

interface JoiningProps {
  readonly id: string;
  readonly use: JoinTokenUse | 'expired';
  /** That joined. */
  readonly connector: ListedConnector | undefined;
  /** Those that it serves. */
  readonly resources: readonly ListedResource[];
}

/** How far it is; keeps itself fresh until every target can be used. */
export const JoiningStatus = ({ id, use, connector, resources }: JoiningProps) => (
  <div
    id="joining"
    {...(use === 'expired' || isServing(connector, resources)
      ? {}
      : { 'data-live': to('connectors', 'join-tokens', id), 'data-live-every': '2000' })}
  >
    <JoiningWords use={use} connector={connector} resources={resources} />
  </div>
);

/** It has resources, and a login at each target went well. */
function isServing(connector: ListedConnector | undefined, resources: readonly ListedResource[]): boolean {
  const announced = connector?.resources?.length ?? 0;
  return connector?.online === true && announced > 0 && usableOf(resources).length === announced;
}

const usableOf = (resources: readonly ListedResource[]) =>
  resources.filter(({ target }) => target !== undefined && target.fault === undefined);

const JoiningWords = ({ use, connector, resources }: Omit<JoiningProps, 'id'>) => {
  if (use === 'expired')
    return (
      <NoticeBox kind="warning">
        The token expired unused. <a href="/connectors">Add a connector</a> again for another.
      </NoticeBox>
    );
  if (connector === undefined)
    return <NoticeBox kind="plain">Waiting for the connector: nothing has joined by this token yet.</NoticeBox>;
  if (!connector.online)
    return (
      <NoticeBox kind="plain">
        <Text value={connector.name} /> joined. Waiting for its link: its log says what it does.
      </NoticeBox>
    );
  const announced = connector.resources ?? [];
  const usable = usableOf(resources);
  const unusable = resources.flatMap(({ name, target }) =>
    target?.fault === undefined ? [] : [{ name, fault: target.fault }],
  );
  if (announced.length === 0)
    return (
      <NoticeBox kind="warning">
        <Text value={connector.name} /> is connected, and serves nothing:{' '}
        {connector.contested ? 'others hold the names that it announces.' : 'its settings name no resource.'}
      </NoticeBox>
    );
  const all = isServing(connector, resources);
  return (
    <NoticeBox kind={all ? 'good' : unusable.length > 0 ? 'warning' : 'plain'}>
      <strong>
        <Text value={connector.name} /> is connected, {usable.length} of {count(announced.length, 'target')} reachable.
      </strong>{' '}
      {all ? (
        <>
          Next: <a href={to('request', announced[0] ?? '')}>ask for access</a>, and open the first session.
        </>
      ) : unusable.length === 0 ? (
        'The others are being tried.'
      ) : null}
      {unusable.map(({ name, fault }) => (
        <p>
          {name}: <Text value={fault} />
        </p>
      ))}
    </NoticeBox>
  );
};
