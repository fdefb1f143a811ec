// hash.h: FNV-1a, whose state after some bytes is all that the next ones need, with a last step that spreads it.

import CShMap

@c @implementation
public func shmap_hash_init(_ hash: UnsafeMutablePointer<shmap_hash>?) {
  unsafe hash?.pointee.state = 0x811c_9dc5
}

@c @implementation
public func shmap_hash_update(_ hash: UnsafeMutablePointer<shmap_hash>?, _ data: UnsafeRawPointer?, _ length: Int) {
  guard let hash = unsafe hash, let data = unsafe data, length > 0 else { return }
  var state = unsafe hash.pointee.state
  for at in 0..<length {
    state = (state ^ UInt32(unsafe data.load(fromByteOffset: at, as: UInt8.self))) &* 0x0100_0193
  }
  unsafe hash.pointee.state = state
}

@c @implementation
public func shmap_hash_value(_ hash: UnsafePointer<shmap_hash>?) -> UInt32 {
  guard let hash = unsafe hash else { return 0 }
  var value = unsafe hash.pointee.state
  value = (value ^ value >> 16) &* 0x85eb_ca6b
  value = (value ^ value >> 13) &* 0xc2b2_ae35
  return value ^ value >> 16
}

@c @implementation
public func shmap_hash_object(_ data: UnsafeRawPointer?, _ length: Int) -> UInt32 {
  var hash = shmap_hash()
  unsafe shmap_hash_init(&hash)
  unsafe shmap_hash_update(&hash, data, length)
  return unsafe shmap_hash_value(&hash)
}
