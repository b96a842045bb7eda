// Where people sign in by one of two providers: which.

import { Text } from '../components/text.tsx';

export const ChooseProviderPage = ({ choices }: { choices: readonly { name: string; href: string }[] }) => (
  <div class="narrow fault">
    <h1>Sign in</h1>
    <p class="lead">Which account do you have?</p>
    {choices.map(({ name, href }) => (
      <p>
        <a class="button button-main" href={href}>
          Sign in with <Text value={name} />
        </a>
      </p>
    ))}
  </div>
);
