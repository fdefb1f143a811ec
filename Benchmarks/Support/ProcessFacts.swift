// What the kernel says about another process: CPU time and memory.

import Foundation

public struct Memory {
  /// All pages that the process has in memory, in bytes.
  public var resident = 0
  /// Those that only it has and has written: what goes when it goes.
  public var privateDirty = 0
  /// Pages of files that it only reads: programs and libraries, which others may use as well.
  public var clean = 0
  /// Pages of one file, the pool, that it has in memory.
  public var pool = 0
}

/// CPU seconds that a process has used in all its threads, in user and kernel mode.
public func cpuSeconds(of pid: pid_t) -> Double {
  let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
  // schedstat counts nanoseconds where stat counts ticks of 10 ms; not every kernel has it.
  let exact = tasks.compactMap { task in
    readProc("/proc/\(pid)/task/\(task)/schedstat").split(separator: " ").first.flatMap { Double($0) }
  }
  if !exact.isEmpty, exact.reduce(0, +) > 0 { return exact.reduce(0, +) / 1e9 }
  let stat = readProc("/proc/\(pid)/stat")
  guard let name = stat.lastIndex(of: ")") else { return 0 }
  let fields = stat[stat.index(after: name)...].split(separator: " ")
  guard fields.count > 12, let user = Double(fields[11]), let kernel = Double(fields[12]) else { return 0 }
  return (user + kernel) / Double(sysconf(Int32(_SC_CLK_TCK)))
}

/// The memory of a process; `pool` is the path of the file whose pages are counted apart.
public func memory(of pid: pid_t, pool: String) -> Memory {
  var memory = Memory()
  var isPool = false
  for line in readProc("/proc/\(pid)/smaps").split(separator: "\n") {
    let words = line.split(separator: " ")
    guard words.count >= 2 else { continue }
    guard words[0].hasSuffix(":"), let kilobytes = Int(words[1]) else {
      // The head of a mapping: addresses, rights, ..., path.
      if words[0].contains("-") { isPool = words.count > 5 && words[5] == pool }
      continue
    }
    let bytes = kilobytes * 1024
    switch words[0] {
    case "Rss:":
      memory.resident += bytes
      if isPool { memory.pool += bytes }
    case "Private_Dirty:": if !isPool { memory.privateDirty += bytes }
    case "Private_Clean:", "Shared_Clean:": memory.clean += bytes
    default: break
    }
  }
  return memory
}

/// The most bytes that a process ever had in memory.
public func peakMemory(of pid: pid_t) -> Int {
  let peak = readProc("/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  return (peak?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
}

/// Bytes that a file really takes, holes not counted; 0 when there is none.
public func allocatedBytes(of path: String) -> Int {
  var facts = stat()
  return stat(path, &facts) == 0 ? Int(facts.st_blocks) * 512 : 0
}

private func readProc(_ path: String) -> String {
  // Files in /proc have no size: read until the end.
  guard let handle = FileHandle(forReadingAtPath: path) else { return "" }
  defer { try? handle.close() }
  return String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
}
