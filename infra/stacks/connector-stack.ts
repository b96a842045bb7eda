// One connector in a network that is there. For a stack of one's own: the construct GatehouseConnector.

import { readFileSync } from 'node:fs';
import { CfnOutput, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import { Peer, Subnet, Vpc } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { Alarms } from '../constructs/alarms.ts';
import { GatehouseConnector } from '../constructs/gatehouse-connector.ts';
import type { ConnectorStackSettings } from '../connector-settings.ts';
import type { Settings } from '../settings.ts';

interface ConnectorStackProps extends StackProps {
  readonly settings: Settings;
  readonly connector: ConnectorStackSettings;
  /** Where recordings go. */
  readonly archive: { readonly bucketName: string; readonly region: string; readonly keyArn?: string | undefined };
}

export class ConnectorStack extends Stack {
  readonly connector: GatehouseConnector;

  constructor(scope: Construct, id: string, { settings, connector, archive, ...props }: ConnectorStackProps) {
    super(scope, id, props);
    const { vpc, clients, targets, configuration } = connector;
    this.connector = new GatehouseConnector(this, 'Connector', {
      ...connector,
      // By ids and without a look-up, which would need an account.
      vpc: Vpc.fromVpcAttributes(this, 'Vpc', {
        vpcId: vpc.id,
        availabilityZones: vpc.subnets.map(({ availabilityZone }) => availabilityZone),
      }),
      subnets: vpc.subnets.map(({ id, availabilityZone }) =>
        Subnet.fromSubnetAttributes(this, id, { subnetId: id, availabilityZone }),
      ),
      configuration: readFileSync(configuration, 'utf8'),
      archive: { ...archive, lock: settings.retentionMode },
      clients: clients.map((cidr) => Peer.ipv4(cidr)),
      targets: targets.map(({ cidr, port }) => ({ peer: Peer.ipv4(cidr), port })),
      alarms: new Alarms(this, 'Alarms', settings),
    });
    Validations.of(this).acknowledge({
      id: 'Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId',
      reason: 'No route table is asked for: nothing here adds a route.',
    });
    new CfnOutput(this, 'Address', {
      value: this.connector.loadBalancer.loadBalancerDnsName,
      description: 'Where clients connect: `advertise` in connector.yaml, or a name of yours for it',
    });
    new CfnOutput(this, 'TaskRoleArn', {
      value: this.connector.task.taskRole.roleArn,
      description: '`connectors[].role` of the archive where that is in another account',
    });
  }
}
