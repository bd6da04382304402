/** Files out of a drop or a picker, folders opened, each with its path in the folder. */

/** A file and its path in the folder it came from. */
export interface PickedFile {
  name: string;
  size: number;
  file: File;
}

async function readAll(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  const all: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return all;
    all.push(...part);
  }
}

const incoming = (file: File, name: string): PickedFile => ({ name, size: file.size, file });

async function filesOf(entry: FileSystemEntry): Promise<PickedFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [incoming(file, entry.fullPath.replace(/^\//, ""))];
  }
  const inside = await readAll((entry as FileSystemDirectoryEntry).createReader());
  return (await Promise.all(inside.map(filesOf))).flat();
}

/** The files of a picker. */
export const pickedFiles = (files: Iterable<File>): PickedFile[] =>
  [...files].map((file) => incoming(file, file.webkitRelativePath || file.name));

/** The files of a drop. */
export async function droppedFiles(transfer: DataTransfer): Promise<PickedFile[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return pickedFiles(transfer.files);
  return (await Promise.all(entries.map(filesOf))).flat();
}
