/** Entry of what a controller starts on a host over SSH. */
import './older-node.ts'
import '../../src/targets/fleet/agent/bridge.ts'
