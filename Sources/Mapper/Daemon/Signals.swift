// What the mapper hears: names that come and go, objects that come and go, associations that change.
//
// Anyone may send these. A message of another type than expected is dropped with one line in the log; one from a
// connection that owns no name, silently: there are many such, and they mean no harm.

import Bus
import Database

extension Daemon {
  /// Subscribes. To be done before the services are listed, so that nothing falls between.
  func subscribe() throws(BusError) {
    try connection.subscribe(
      "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged'"
    ) { [self] in nameOwnerChanged($0) }
    try connection.subscribe(
      "type='signal',interface='org.freedesktop.DBus.ObjectManager',member='InterfacesAdded'"
    ) { [self] in interfacesAdded($0) }
    try connection.subscribe(
      "type='signal',interface='org.freedesktop.DBus.ObjectManager',member='InterfacesRemoved'"
    ) { [self] in interfacesRemoved($0) }
    try connection.subscribe(
      "type='signal',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',arg0='xyz.openbmc_project.Association.Definitions'"
    ) { [self] in propertiesChanged($0) }
  }

  // MARK: Names

  /// Lists the services that are there and begins to scan them, in the order of their names. What the pool still has of
  /// others goes. Signals that arrive meanwhile wait, and find the names known.
  func findServices() throws(BusError) {
    let list = try connection.callAndWait(busCall("ListNames"))
    var services: [ServiceName] = try list.readStrings()
    services.sortInPlace { $0 < $1 }
    var owners: [(ServiceName, ByteString)] = []
    for service in services where Names.isWanted(service) && service != Daemon.name {
      // A service that has left since it was listed has no owner, and NameOwnerChanged is waiting.
      guard let owner = try? owner(of: service) else { continue }
      names.record(service, of: owner)
      owners.append((service, owner))
    }
    database.keepOnly(owners)
    database.setOwner(of: Daemon.name, to: ownName)
    for (service, owner) in owners { startScan(of: service, owner: owner) }
  }

  private func owner(of service: ServiceName) throws(BusError) -> ByteString {
    let call = try busCall("GetNameOwner")
    try call.append(service)
    return try connection.callAndWait(call).readString()
  }

  private func busCall(_ member: StaticString) throws(BusError) -> Message {
    try connection.newCall(
      to: ByteString("org.freedesktop.DBus"), ObjectPath("/org/freedesktop/DBus"), "org.freedesktop.DBus", member)
  }

  private func nameOwnerChanged(_ message: borrowing Message) {
    guard message.hasSignature("sss") else { return drop(message) }
    do throws(BusError) {
      let service: ServiceName = try message.readString()
      guard Names.isWanted(service), service != Daemon.name else { return }
      let old: ByteString = try message.readString()
      let new: ByteString = try message.readString()
      if !old.bytes.isEmpty {
        names.forget(service, of: old)
        scanner.cancel(service)
        database.removeService(service)
      }
      if !new.bytes.isEmpty {
        names.record(service, of: new)
        startScan(of: service, owner: new)
      }
    } catch {
      drop(message)
    }
  }

  // MARK: Objects

  /// The service that a signal counts for; none for strangers and for the mapper itself.
  private func service(behind message: borrowing Message) -> ServiceName? {
    guard let sender = message.sender, sender != ownName else { return nil }
    return names.service(of: sender)
  }

  private func interfacesAdded(_ message: borrowing Message) {
    guard message.hasSignature("oa{sa{sv}}") else { return drop(message) }
    guard let service = service(behind: message) else { return }
    do throws(BusError) {
      let path = try message.readPath()
      var interfaces: [InterfaceName] = []
      var associations: [AssociationDefinition]?
      try message.forEachEntry(of: "sa{sv}", in: "{sa{sv}}") { () throws(BusError) in
        let interface: InterfaceName = try message.readString()
        if interface == associationDefinitions {
          associations = try message.readAssociationsProperty() ?? associations
        } else {
          try message.skip("a{sv}")
        }
        interfaces.append(interface)
      }
      database.addInterfaces(interfaces, to: path, of: service, associations: associations)
      scanner.scan(of: service)?.noteAdded(interfaces, to: path, associations: associations)
    } catch {
      drop(message)
    }
  }

  private func interfacesRemoved(_ message: borrowing Message) {
    guard message.hasSignature("oas") else { return drop(message) }
    guard let service = service(behind: message) else { return }
    do throws(BusError) {
      let path = try message.readPath()
      let interfaces: [InterfaceName] = try message.readStrings()
      database.removeInterfaces(interfaces, from: path, of: service)
      scanner.scan(of: service)?.noteRemoved(interfaces, from: path)
    } catch {
      drop(message)
    }
  }

  private func propertiesChanged(_ message: borrowing Message) {
    guard message.hasSignature("sa{sv}as") else { return drop(message) }
    guard let service = service(behind: message), let path = message.path else { return }
    do throws(BusError) {
      try message.skip("s")
      guard let associations = try message.readAssociationsProperty() else { return }
      database.changeAssociations(associations, of: path, by: service)
      scanner.scan(of: service)?.noteAssociations(associations, of: path)
    } catch {
      drop(message)
    }
  }

  private func drop(_ message: borrowing Message) {
    let (member, sender) = (message.member ?? ByteString("?"), message.sender ?? ByteString("?"))
    log.fault(.invalidSignal, "\(member) from \(sender) has a wrong type: dropped")
  }
}
