// Memory of the connector that is used again is spoilt as soon as it is given back: a view that was kept is found out.

import { poisonWhatIsGivenBack } from '../connector/net/kept-buffer.ts';

poisonWhatIsGivenBack();
