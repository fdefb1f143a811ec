// verify: whether the pool keeps its own rules, and with --bus, whether the mapper says over D-Bus what its pool says.

import CSystem
import Database
import MapperClient
import ShMap

extension Session {
  func verify() throws(CommandError) -> Status {
    var poolOptions = options.client
    poolOptions.source = .pool
    let pool = Client(options: poolOptions)
    guard let faults = pool.withReader({ checkPool($0) }) else {
      throw .status(.noAnswer, joined("", poolPath, ": there is no pool to read"))
    }
    report("pool", faults)
    guard options.comparesWithBus else { return faults.isEmpty ? .done : .isWrong }
    let differences = try compare(pool)
    report("mapper", differences)
    return faults.isEmpty && differences.isEmpty ? .done : .isWrong
  }

  /// One line when all is well, else one for each fault.
  private func report(_ what: StaticString, _ faults: [ByteString]) {
    if faults.isEmpty {
      screen.add(what, .key)
      screen.add(": ")
      screen.add("no fault found", .good)
      screen.newline()
    }
    for fault in faults {
      screen.add(what, .key)
      screen.add(": ")
      screen.add(fault, .bad)
      screen.newline()
    }
    screen.flush()
  }

  // MARK: The pool by itself

  private func checkPool(_ reader: borrowing Reader) -> [ByteString] {
    var faults: [ByteString] = []
    // While the mapper writes, the heap is in motion: what is still wrong at rest is wrong.
    for attempt in 0..<50 {
      let before = reader.generationWord
      let heap = reader.checkHeap()
      guard let fault = heap.fault else { break }
      if reader.generationWord != before || attempt < 5 {
        usleep(2000)
        continue
      }
      faults.append(joined("heap: ", fault.text))
      break
    }
    for attempt in 0..<50 {
      do throws(PoolError) {
        let found = try reader.withSnapshot { snapshot throws(PoolError) in try Lookup(snapshot).verify() }
        return faults + (try found.get()).map { joined("index: ", $0.text) }
      } catch {
        if error == .stale, attempt < 49 { continue }
        faults.append(error == .stale ? "it changes too fast to be checked" : "it contradicts itself")
        break
      }
    }
    return faults
  }

  // MARK: The pool and the mapper

  /// Everything from both, as long as nothing changes meanwhile.
  private func compare(_ pool: Client) throws(CommandError) -> [ByteString] {
    var busOptions = options.client
    busOptions.source = .bus
    let bus = Client(options: busOptions)
    for _ in 0..<20 {
      let before = pool.generation
      let differences = try differences(try Everything(pool), try Everything(bus))
      if pool.generation == before || differences.isEmpty { return differences }
      usleep(50_000)
    }
    return ["it changes too fast to be compared"]
  }

  private func differences(_ pool: Everything, _ bus: Everything) throws(CommandError) -> [ByteString] {
    var all: [ByteString] = []
    let (left, right) = (pool.lines, bus.lines)
    var (a, b) = (0, 0)
    while a < left.count || b < right.count {
      if b == right.count || (a < left.count && left[a] < right[b]) {
        all.append(joined("only in the pool: ", left[a]))
        a += 1
      } else if a == left.count || right[b] < left[a] {
        all.append(joined("only over D-Bus: ", right[b]))
        b += 1
      } else {
        a += 1
        b += 1
      }
    }
    return all
  }
}

/// All that a mapper knows, one line for each fact, sorted.
private struct Everything {
  var lines: [ByteString] = []

  init(_ client: Client) throws(CommandError) {
    do throws(LookupError) {
      for object in try client.answer(Query(kind: .getSubTree)).objects {
        for entry in object.services {
          let start = add(object.path.bytes, " ", entry.service.bytes)
          for interface in entry.interfaces { add(start, " ", interface.bytes) }
        }
      }
      // Objects that nobody shows have no services, and are only among the paths.
      for path in try client.answer(Query(kind: .getSubTreePaths)).paths { lines.append(ByteString(path.bytes)) }
      let all = Query(kind: .getSubTreePaths, interfaces: ["xyz.openbmc_project.Association"])
      for path in try client.answer(all).paths {
        for (index, endpoint) in try client.endpoints(path).enumerated() {
          let place = joined(" leads, as ", ByteString(digits(of: index)), " ")
          add(path.bytes + place.bytes, "", endpoint.bytes)
        }
      }
    } catch {
      throw .lookup(error)
    }
    lines.sortInPlace { $0 < $1 }
  }

  /// Adds a line, and returns it.
  @discardableResult @inline(never)
  private mutating func add(_ start: [UInt8], _ between: StaticString, _ end: [UInt8]) -> [UInt8] {
    let line = start + ByteString(between).bytes + end
    lines.append(ByteString(line))
    return line
  }
}

extension HeapFault {
  fileprivate var text: ByteString {
    switch self {
    case .chain(let at): at.noted("a block's size is none")
    case .tag(let at): at.noted("a block does not fit the one before it")
    case .unjoined(let at): at.noted("two free neighbours were not joined")
    case .list(let at): at.noted("a list of free blocks is wrong")
    case .sums(let at): at.noted("an arena's sums are wrong")
    }
  }
}

extension Finding {
  fileprivate var text: ByteString {
    switch self {
    case .disordered(let tree, let at): at.noted("keys out of order", in: tree)
    case .misshapen(let tree, let at): at.noted("a node out of shape", in: tree)
    case .malformedText(let at): at.noted("a text is malformed")
    case .duplicateText(let at): at.noted("a text is stored twice")
    case .disorderedList(let at): at.noted("a list is not sorted")
    case .wrongIndex(let tree, let at): at.noted("other paths than the objects say", in: tree)
    case .wrongEndpoints(let at): at.noted("an association with no endpoint, or with one twice")
    case .wrongCount(let tree): joined("a wrong count of ", ByteString(tree.name))
    case .wrongUses(let at): at.noted("something is counted for fewer places than name it")
    }
  }
}

extension Finding.Tree {
  fileprivate var name: StaticString {
    switch self {
    case .objects: "objects"
    case .leaves: "objects by their last part"
    case .interfaces: "interfaces"
    case .pathsOfInterface: "an interface's paths"
    case .services: "services"
    case .pathsOfService: "a service's paths"
    case .associations: "associations"
    case .claims: "definitions"
    }
  }
}

extension UInt32 {
  /// What is wrong, in which tree, and where.
  fileprivate func noted(_ what: StaticString, in tree: Finding.Tree? = nil) -> ByteString {
    var text = ByteString(what).bytes
    if let tree { text += ByteString(" among ").bytes + ByteString(tree.name).bytes }
    return ByteString(text + ByteString(", at ").bytes + digits(of: Int(self)))
  }
}
