/** Entry of the published agent. */
import './older-node.ts'
import '../../src/targets/fleet/agent/start.ts'
