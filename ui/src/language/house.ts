/** The line of the header: the district's clock, and whether the house keeps up. Both languages side by side. */
export const house = {
  'house.clockHint': ['城区时间', 'Time of the district'],
  'house.speed': ['{speed} 倍速', '{speed}× speed'],
  'house.speedHint': ['模拟城区的时间比实际时间走得快', 'The time of a simulated district runs faster than real time'],
  'house.slowed': ['{speed} 倍速（设定 {wanted} 倍）', '{speed}× of {wanted}×'],
  'house.slowedHint': ['入库跟不上，时钟已自动放慢', 'What comes in waits for its storing, so the clock runs slower than it was set'],
  'house.behind': ['入库落后 {time}', '{time} behind'],
  'house.behindHint': ['入库落后 {seconds} 秒', 'What comes in waits {seconds} s to be stored'],
  'house.off': ['连接中断', 'Disconnected'],
  'house.readOnly': ['只读', 'Read-only'],
  'house.readOnlyBanner': ['系统处于只读状态（通常是磁盘空间不足）：可以登录和查看，暂不接收数据，也不保存修改。腾出空间后自动恢复。', 'Read-only, most often because the disk is full: signing in and reading go on, data and changes are not stored. It ends by itself when there is space.'],
} as const
