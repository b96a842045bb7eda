// What policies call the groups of a directory that speaks SCIM by: `scim:dba`. Beside the groups of a sign-in, which begin with
// their provider's name, so that neither passes for the other.

export const SCIM_PROVIDER = 'scim';
export const SCIM_PREFIX = `${SCIM_PROVIDER}:`;
