// From the settings to the identity providers that there are.

import { SCIM_PROVIDER } from '../../core/people/scim-groups.ts';
import { CALLBACK_PATH, SAML_CONSUMER_PATH, SAML_METADATA_PATH } from '../paths.ts';
import type { EdgeSettings } from '../settings.ts';
import { EntraGroups } from './oidc/entra-groups.ts';
import { GoogleGroups } from './oidc/google-groups.ts';
import type { GroupSource } from './oidc/group-source.ts';
import { PRESET_TRAITS } from './oidc/presets.ts';
import { OidcProvider } from './oidc.ts';
import type { SamlProvider } from './saml/provider.ts';

export function oidcSignIn(settings: EdgeSettings) {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId, PROVIDER_NAME: name } = settings;
  if (issuer === undefined || clientId === undefined || name === undefined) return undefined;
  const provider = new OidcProvider({
    issuer,
    clientId,
    clientSecret: settings.OIDC_CLIENT_SECRET,
    preset: settings.OIDC_PRESET,
    tenants: settings.OIDC_TENANTS,
    groupSource: groupSourceOf(settings, clientId),
    groupsClaim: settings.OIDC_GROUPS_CLAIM ?? PRESET_TRAITS[settings.OIDC_PRESET].groupsClaim,
    groupsRequired: settings.OIDC_GROUPS_REQUIRED,
    emailDomains: settings.OIDC_EMAIL_DOMAINS,
    extraScopes: settings.OIDC_EXTRA_SCOPES ?? PRESET_TRAITS[settings.OIDC_PRESET].extraScopes,
    providerName: name,
    redirectUri: settings.PUBLIC_URL + CALLBACK_PATH,
  });
  return { name, provider };
}

/** undefined: what the tokens say is all there is. */
function groupSourceOf(settings: EdgeSettings, clientId: string): GroupSource | undefined {
  const { OIDC_CLIENT_SECRET: secret, GOOGLE_SERVICE_ACCOUNT: account, GOOGLE_ADMIN: administrator } = settings;
  if (settings.ENTRA_GRAPH && secret) return new EntraGroups(settings.ENTRA_GRAPH_URL, clientId, secret);
  return account && administrator !== undefined
    ? new GoogleGroups(settings.GOOGLE_DIRECTORY_URL, account, administrator)
    : undefined;
}

export function samlSignIn(settings: EdgeSettings) {
  const { SAML_PROVIDER_NAME: name } = settings;
  if (name === undefined || !hasSaml(settings)) return undefined;
  let loaded: Promise<SamlProvider> | undefined;
  const provider = () => {
    loaded ??= loadSaml(settings, name);
    return loaded;
  };
  return { name, provider };
}

/** As policies name them, and whose addresses they may speak of; no domains: any. */
export function providersOf(settings: EdgeSettings) {
  const { PROVIDER_NAME: oidc, SAML_PROVIDER_NAME: saml } = settings;
  const domains = [
    ...(oidc === undefined ? [] : [settings.OIDC_EMAIL_DOMAINS]),
    ...(saml !== undefined && hasSaml(settings) ? [settings.SAML_EMAIL_DOMAINS] : []),
  ];
  return {
    // Groups of the directory are known by its protocol; whether there is one is no setting, so a policy may always name them.
    providers: [...[oidc, hasSaml(settings) ? saml : undefined].flatMap((name) => name ?? []), SCIM_PROVIDER],
    emailDomains: domains.some((listed) => listed.length === 0) ? [] : domains.flat(),
  };
}

const hasSaml = ({ SAML_IDP_METADATA, SAML_IDP_METADATA_URL }: EdgeSettings): boolean =>
  SAML_IDP_METADATA !== undefined || SAML_IDP_METADATA_URL !== undefined;

/** Its XML parser is evaluated when somebody first signs in by SAML, and in no isolate before. */
async function loadSaml(settings: EdgeSettings, providerName: string): Promise<SamlProvider> {
  const [{ SamlProvider }, { fetchedMetadata, fixedMetadata }] = await Promise.all([
    import('./saml/provider.ts'),
    import('./saml/idp-metadata.ts'),
  ]);
  const { SAML_IDP_METADATA: text, SAML_IDP_METADATA_URL: url, SAML_IDP_ENTITY_ID: idpEntityId } = settings;
  return new SamlProvider({
    idp: url === undefined ? fixedMetadata(text ?? '', idpEntityId) : fetchedMetadata(url, idpEntityId ?? ''),
    entityId: settings.SAML_ENTITY_ID ?? settings.PUBLIC_URL + SAML_METADATA_PATH,
    consumerUrl: settings.PUBLIC_URL + SAML_CONSUMER_PATH,
    providerName,
    privateKeys: settings.SAML_PRIVATE_KEY,
    certificates: settings.SAML_CERTIFICATE ?? [],
    signed: settings.SAML_SIGNED,
    nameIdFormat: settings.SAML_NAME_ID_FORMAT,
    subjectAttribute: settings.SAML_SUBJECT_ATTRIBUTE,
    emailAttribute: settings.SAML_EMAIL_ATTRIBUTE,
    nameAttribute: settings.SAML_NAME_ATTRIBUTE,
    groupsAttribute: settings.SAML_GROUPS_ATTRIBUTE,
    groupsRequired: settings.SAML_GROUPS_REQUIRED,
    emailDomains: settings.SAML_EMAIL_DOMAINS,
    forceAuthn: settings.SAML_FORCE_AUTHN,
    contexts: settings.SAML_AUTHN_CONTEXT,
    idpInitiated: settings.SAML_IDP_INITIATED,
  });
}
