/** Where the grid was last: dataset and filter to image, so that coming back from an image finds it again. */
export const lastPositions = new Map<string, number>();
