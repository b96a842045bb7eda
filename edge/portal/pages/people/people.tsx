// For administrators: ending what somebody has open, and how the company's directory reaches Gatehouse.

import type { EndedPerson } from '../../../../core/people/ended-person.ts';
import type { MadeScimToken, ScimStanding } from '../../../../core/people/scim-tokens.ts';
import { NoticeBox, to } from '../../components/parts.tsx';
import { Mono, Text, Time } from '../../components/text.tsx';

interface PeopleProps {
  readonly standing: ScimStanding;
  readonly ended?: EndedPerson | undefined;
  readonly made?: MadeScimToken | undefined;
  /** As it was sent and not taken, with why. */
  readonly email?: string | undefined;
  readonly reason?: string | undefined;
  readonly problem?: string | undefined;
}

export const PeoplePage = ({ standing, ended, made, email = '', reason = '', problem }: PeopleProps) => (
  <div class="narrow">
    <h1>People</h1>
    {problem === undefined ? null : (
      <NoticeBox kind="error">
        <Text value={problem} />
      </NoticeBox>
    )}
    {ended === undefined ? null : <EndedNotice ended={ended} />}
    <h2>End what somebody has open</h2>
    <p class="lead">
      Portal sign-ins, API tokens, grants with their running sessions and tunnels, requests that wait, and links that
      they passed on: all of it, at once. They may sign in again.
    </p>
    <form method="post" action="/people/end" class="form">
      <div class="field">
        <label for="email">E-mail address</label>
        <input id="email" name="email" type="email" maxlength={254} required autocomplete="off" value={email} />
      </div>
      <div class="field">
        <label for="reason">
          Why? <span class="dim">whoever is in their sessions reads it</span>
        </label>
        <input id="reason" name="reason" maxlength={500} required autocomplete="off" value={reason} />
      </div>
      <div class="form-end">
        <button type="submit" class="button button-danger">
          End everything of theirs
        </button>
      </div>
    </form>
    <h2>Directory (SCIM 2.0)</h2>
    {made === undefined ? null : (
      <NoticeBox kind="good">
        <p>The token, shown this once:</p>
        <p>
          <Mono value={made.token} />
        </p>
      </NoticeBox>
    )}
    <p>
      The directory's endpoint is <Mono value={standing.endpoint} />. It keeps {standing.users} users here, of whom{' '}
      {standing.inactive} are deactivated, and {standing.groups} groups.
    </p>
    {standing.tokens.length === 0 ? (
      <p class="dim">There is no token, so no directory reaches Gatehouse.</p>
    ) : (
      <ul>
        {standing.tokens.map((token) => (
          <li>
            <form method="post" action={to('people', 'scim-tokens', token.id, 'revoke')}>
              <Text value={token.name} />, made by <Text value={token.madeBy} /> <Time iso={token.madeAt} />,{' '}
              {token.usedAt === undefined ? (
                'never used'
              ) : (
                <>
                  last used <Time iso={token.usedAt} />
                </>
              )}{' '}
              <button type="submit" class="button button-quiet">
                Revoke
              </button>
            </form>
          </li>
        ))}
      </ul>
    )}
    <form method="post" action="/people/scim-tokens" class="form">
      <div class="field">
        <label for="name">
          Whose token? <span class="dim">okta, entra: lower-case letters, digits and dashes</span>
        </label>
        <input id="name" name="name" maxlength={63} required autocomplete="off" />
      </div>
      <div class="form-end">
        <button type="submit" class="button">
          Make a token
        </button>
      </div>
    </form>
  </div>
);

const EndedNotice = ({ ended }: { ended: EndedPerson }) => (
  <NoticeBox kind="good">
    <Text value={ended.email} />: {ended.grants} grants with {ended.sessions} running sessions, {ended.tunnels} tunnels,{' '}
    {ended.browsers} portal sign-ins, {ended.tokens} API tokens, {ended.requests} requests and {ended.links} links were
    ended.
    {ended.notTold.length === 0 ? null : (
      <>
        {' '}
        These connectors are not linked, and end their sessions when they are back:{' '}
        <Text value={ended.notTold.join(', ')} />.
      </>
    )}
  </NoticeBox>
);
