/** The command lines of a control plane on loopback: few ports, no leader election, state that needs no disk's patience. */
import { join } from 'node:path'
import type { Certificate, CertificateAuthority, TokenKey } from './certificates.ts'

export type Ports = { api: number; etcd: number; etcdPeer: number; kubelet: number }

export type ControlPlane = {
  programs: string
  folder: string
  ports: Ports
  authority: CertificateAuthority
  serving: Certificate
  frontProxy: Certificate
  tokenKey: TokenKey
  tokenFile: string
}

export const serviceAccountIssuer = 'https://kubernetes.default.svc'
const serviceRange = '10.96.0.0/16'

export function etcdArgv({ programs, folder, ports }: ControlPlane): string[] {
  const [client, peer] = [`http://127.0.0.1:${ports.etcd}`, `http://127.0.0.1:${ports.etcdPeer}`]
  return [
    join(programs, 'etcd'),
    ...['--name', 'test', '--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync', '--log-level', 'warn'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `test=${peer}`],
  ]
}

export function apiServerArgv(plane: ControlPlane): string[] {
  const { programs, ports, authority, serving, frontProxy, tokenKey, tokenFile } = plane
  return [
    join(programs, 'kube-apiserver'),
    ...['--etcd-servers', `http://127.0.0.1:${ports.etcd}`],
    ...['--bind-address', '127.0.0.1', '--advertise-address', '127.0.0.1', '--secure-port', String(ports.api)],
    ...['--endpoint-reconciler-type', 'none', '--service-cluster-ip-range', serviceRange],
    ...['--tls-cert-file', serving.certificateFile, '--tls-private-key-file', serving.keyFile],
    ...['--client-ca-file', authority.certificateFile, '--token-auth-file', tokenFile],
    ...['--kubelet-preferred-address-types', 'InternalIP'],
    ...['--authorization-mode', 'Node,RBAC', '--allow-privileged=true', '--profiling=false'],
    ...['--service-account-issuer', serviceAccountIssuer, '--service-account-key-file', tokenKey.publicFile],
    ...['--service-account-signing-key-file', tokenKey.privateFile],
    ...['--requestheader-client-ca-file', authority.certificateFile],
    ...['--requestheader-allowed-names', 'front-proxy-client'],
    ...['--requestheader-username-headers', 'X-Remote-User', '--requestheader-group-headers', 'X-Remote-Group'],
    ...['--requestheader-extra-headers-prefix', 'X-Remote-Extra-'],
    ...['--proxy-client-cert-file', frontProxy.certificateFile, '--proxy-client-key-file', frontProxy.keyFile],
  ]
}

export function controllerManagerArgv(plane: ControlPlane, kubeconfig: string): string[] {
  const { programs, authority, tokenKey } = plane
  return [
    join(programs, 'kube-controller-manager'),
    ...asUser(kubeconfig),
    ...['--service-account-private-key-file', tokenKey.privateFile, '--root-ca-file', authority.certificateFile],
    ...['--cluster-signing-cert-file', authority.certificateFile, '--cluster-signing-key-file', authority.keyFile],
    ...['--use-service-account-credentials=true', '--service-cluster-ip-range', serviceRange],
    ...['--kube-api-qps', '500', '--kube-api-burst', '1000'],
    // A Knative revision is ready when its autoscaler has looked once; by itself that is every fifteen seconds.
    ...['--horizontal-pod-autoscaler-sync-period', '1s'],
  ]
}

export const schedulerArgv = ({ programs }: ControlPlane, kubeconfig: string): string[] => [
  join(programs, 'kube-scheduler'),
  ...asUser(kubeconfig),
  ...['--kube-api-qps', '500', '--kube-api-burst', '1000'],
]

/** Neither serves anything (port 0): nobody asks them here. */
const asUser = (kubeconfig: string): string[] => [
  ...['--kubeconfig', kubeconfig, '--authentication-kubeconfig', kubeconfig],
  ...['--authorization-kubeconfig', kubeconfig, '--secure-port', '0', '--leader-elect=false', '--profiling=false'],
]

/** Without a lease the controller manager would take the nodes for dead after fifty seconds. */
export const kwokArgv = (
  { programs, ports }: ControlPlane,
  kubeconfig: string,
  stages: readonly string[],
): string[] => [
  join(programs, 'kwok'),
  ...['--kubeconfig', kubeconfig, ...stages.flatMap((file) => ['--config', file])],
  ...['--manage-all-nodes=true', '--node-lease-duration-seconds', '40', '--cidr', '10.0.0.0/16'],
  // The nodes name our server of logs; kwok's own, which it would put there, goes elsewhere.
  ...['--node-ip', '127.0.0.1', '--node-port', String(ports.kubelet), '--server-address', '127.0.0.1:0'],
]
