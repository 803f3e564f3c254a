/** Entry of the published process that deploys a revision in place. */
import './older-node.ts'
import '../../src/targets/fleet/lifecycle/main.ts'
