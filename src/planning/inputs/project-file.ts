/** The project file decides what is built by being read, piece by piece; as bytes it is no input unless it is named. */
export const projectFile = 'trunkline.yaml'
