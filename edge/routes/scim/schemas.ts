// What this SCIM service says of itself (RFC 7643, sections 5 to 7).

import { GROUP_SCHEMA, type ScimResource, USER_SCHEMA } from './resources.ts';

export const SCIM_MAX_RESULTS = 200;

export const serviceProviderConfig = (base: string): ScimResource => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'],
  patch: { supported: true },
  bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
  filter: { supported: true, maxResults: SCIM_MAX_RESULTS },
  changePassword: { supported: false },
  sort: { supported: false },
  etag: { supported: true },
  authenticationSchemes: [
    {
      type: 'oauthbearertoken',
      name: 'Bearer token',
      description: 'A token that an administrator makes: gatehouse scim token NAME, or the portal',
      primary: true,
    },
  ],
  meta: { resourceType: 'ServiceProviderConfig', location: `${base}/ServiceProviderConfig` },
});

export const resourceTypes = (base: string): readonly ScimResource[] =>
  (['User', 'Group'] as const).map((name) => ({
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:ResourceType'],
    id: name,
    name,
    endpoint: `/${name}s`,
    schema: name === 'User' ? USER_SCHEMA : GROUP_SCHEMA,
    meta: { resourceType: 'ResourceType', location: `${base}/ResourceTypes/${name}` },
  }));

interface AttributeTraits {
  readonly type?: 'string' | 'boolean' | 'reference' | 'complex';
  readonly multiValued?: true;
  readonly required?: true;
  readonly caseExact?: true;
  readonly mutability?: 'readOnly' | 'immutable';
  readonly uniqueness?: 'server';
  readonly subAttributes?: readonly object[];
}

const attribute = (name: string, description: string, traits: AttributeTraits = {}) => ({
  name,
  type: traits.type ?? 'string',
  multiValued: traits.multiValued ?? false,
  description,
  required: traits.required ?? false,
  caseExact: traits.caseExact ?? false,
  mutability: traits.mutability ?? 'readWrite',
  returned: 'default',
  uniqueness: traits.uniqueness ?? 'none',
  ...(traits.subAttributes && { subAttributes: traits.subAttributes }),
});

export const schemas = (base: string): readonly ScimResource[] => [
  {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:Schema'],
    id: USER_SCHEMA,
    name: 'User',
    description: 'Somebody who may sign in. Other attributes are taken and not kept.',
    attributes: [
      attribute('userName', 'Their name at the directory', { required: true, uniqueness: 'server' }),
      attribute('displayName', 'As people read it'),
      attribute('name', 'Its parts', {
        type: 'complex',
        subAttributes: [
          attribute('formatted', 'Whole'),
          attribute('givenName', 'Given name'),
          attribute('familyName', 'Family name'),
        ],
      }),
      attribute('emails', 'Addresses; one of these or userName is the one they sign in with', {
        type: 'complex',
        multiValued: true,
        subAttributes: [
          attribute('value', 'The address'),
          attribute('type', 'work, home or other'),
          attribute('primary', 'Whether it is the first', { type: 'boolean' }),
        ],
      }),
      attribute('active', 'false: they are out, and stay out', { type: 'boolean' }),
      attribute('groups', 'Groups that they are in', {
        type: 'complex',
        multiValued: true,
        mutability: 'readOnly',
        subAttributes: [
          attribute('value', "The group's id", { mutability: 'readOnly' }),
          attribute('$ref', 'Its address', { type: 'reference', mutability: 'readOnly' }),
          attribute('display', 'Its name', { mutability: 'readOnly' }),
        ],
      }),
    ],
    meta: { resourceType: 'Schema', location: `${base}/Schemas/${USER_SCHEMA}` },
  },
  {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:Schema'],
    id: GROUP_SCHEMA,
    name: 'Group',
    description: 'A group, which policies call scim:DISPLAYNAME',
    attributes: [
      attribute('displayName', 'What policies call it by', { required: true, uniqueness: 'server' }),
      attribute('members', 'Users in it', {
        type: 'complex',
        multiValued: true,
        subAttributes: [
          attribute('value', "The user's id", { mutability: 'immutable' }),
          attribute('$ref', 'Their address', { type: 'reference', mutability: 'immutable' }),
          attribute('display', 'Their userName', { mutability: 'readOnly' }),
        ],
      }),
    ],
    meta: { resourceType: 'Schema', location: `${base}/Schemas/${GROUP_SCHEMA}` },
  },
];
