/** Entry of the published router. */
import './older-node.ts'
import '../../src/targets/fleet/router/main.ts'
