/** Raise it when the same files would be packed into other bytes: it is part of every input hash. */
export const packerVersion = '1'
