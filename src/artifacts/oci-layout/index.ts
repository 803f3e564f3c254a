/** An OCI image layout on disk: the store of a machine on its own. Other OCI tools can read it and copy from it. */
export { createLayoutStore } from './layout-store.ts'
