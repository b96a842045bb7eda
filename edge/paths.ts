// Addresses that pages, routes and the identity provider's registration share.

/** GET; `?return=/path` says where to go afterwards. Redirects to the identity provider. */
export const SIGN_IN_PATH = '/login';
/** GET; registered with the identity provider as PUBLIC_URL + this. */
export const CALLBACK_PATH = '/login/callback';
/** GET; our metadata, which is also our entity id unless the settings say another. */
export const SAML_METADATA_PATH = '/saml/metadata';
/** POST, from the SAML provider's page: the assertion consumer service. */
export const SAML_CONSUMER_PATH = '/saml/acs';
/** Says that there is no single logout. */
export const SAML_LOGOUT_PATH = '/saml/logout';
/** POST from a same-origin form; redirects to `/`. */
export const SIGN_OUT_PATH = '/logout';
/** Where a person types the code that a device shows. A portal page. */
export const DEVICE_PATH = '/device';
/** GET; where links to sessions lead, each with its token behind `#`: that part goes to no server and in no Referer. A portal page. */
export const SHARED_PATH = '/shared';
export const API_PATH = '/api/v1';
/** Of directories that keep people and groups here (RFC 7644). */
export const SCIM_PATH = '/scim/v2';
/** WebSocket of connectors. */
export const LINK_PATH = '/connectors/link';
/** WebSockets of connectors, one for each tunnel: its id behind it. */
export const CONNECTOR_TUNNELS_PATH = '/connectors/tunnels';
export const AUTHORITY_PATH = '/ca.pem';
/** POST; registered with Slack as the interactivity request URL. */
export const SLACK_PATH = '/slack/interactions';
/** GET; a page on the command line. The file itself is below it. */
export const CLI_PATH = '/cli/';
export const CLI_FILE = 'gatehouse.mjs';
