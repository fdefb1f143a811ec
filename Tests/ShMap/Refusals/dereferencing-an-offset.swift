// refused: has no member 'pointee'
import ShMap

func f(_ offset: Offset<Int32>) -> Int32 { offset.pointee }
