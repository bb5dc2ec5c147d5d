/** The software Vulkan driver inside Debian's chromium package, which stands for a graphics card where there is none. */

import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = '/usr/lib/chromium';
const files = ['vk_swiftshader_icd.json', 'libvk_swiftshader.so', 'libvulkan.so.1'].map((name) => join(folder, name));

/** Why tests on WebGPU cannot run here; null where they can. */
export const noVulkan: string | null =
  process.platform !== 'linux'
    ? 'the software Vulkan driver is looked for on Linux only'
    : files.every((file) => existsSync(file))
      ? null
      : `there is no software Vulkan driver in ${folder} (Debian's package chromium has one)`;

/** The environment of a process that is to compute on it. */
export function vulkanEnvironment(): NodeJS.ProcessEnv {
  const runtime = join(tmpdir(), 'tunesmith-vulkan');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  return { ...process.env, VK_ICD_FILENAMES: files[0], LD_LIBRARY_PATH: folder, XDG_RUNTIME_DIR: runtime };
}
